use limiter_tower::rate_limit;

#[rate_limit("100/min", key = "header:x-api-key")]
#[rate_limit(write = 10, key = "ip")]
async fn sessions() {}

fn main() {}
