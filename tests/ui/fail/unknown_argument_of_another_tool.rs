use limiter_tower::rate_limit;

#[rate_limit("100/min", window = "1h")]
async fn sessions() {}

fn main() {}
