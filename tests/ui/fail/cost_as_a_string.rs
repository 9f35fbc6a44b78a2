use limiter_tower::rate_limit;

#[rate_limit("100/min", cost = "query_cost")]
async fn sessions() {}

fn main() {}
