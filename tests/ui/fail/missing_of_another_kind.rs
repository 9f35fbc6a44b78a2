use limiter_tower::rate_limit;

#[rate_limit("100/min", key = "path:tenant", missing = "share")]
async fn sessions() {}

fn main() {}
