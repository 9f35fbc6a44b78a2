use limiter_tower::rate_limit;

#[rate_limit("100/min", exempt = "/health")]
async fn sessions() {}

fn main() {}
