use limiter_tower::rate_limit;

#[rate_limit("100/min", inner = "sessions_inner")]
async fn sessions() {}

fn main() {}
