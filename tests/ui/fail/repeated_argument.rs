use limiter_tower::rate_limit;

#[rate_limit("100/min", key = "ip", key = "global")]
async fn sessions() {}

fn main() {}
