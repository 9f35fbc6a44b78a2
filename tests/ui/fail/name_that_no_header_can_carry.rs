use limiter_tower::rate_limit;

#[rate_limit("100/min", name = "search api")]
async fn sessions() {}

fn main() {}
