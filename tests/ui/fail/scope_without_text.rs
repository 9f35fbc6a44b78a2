use limiter_tower::rate_limit;

#[rate_limit("100/min", scope = "")]
async fn sessions() {}

fn main() {}
