use limiter_tower::rate_limit;

#[rate_limit("10/s", queue = 8, max_wait = "0ms")]
async fn search() {}

fn main() {}
