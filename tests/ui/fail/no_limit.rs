use limiter_tower::rate_limit;

#[rate_limit(key = "ip")]
async fn sessions() {}

fn main() {}
