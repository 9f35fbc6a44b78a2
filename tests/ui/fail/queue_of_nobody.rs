use limiter_tower::rate_limit;

#[rate_limit("10/s", queue = 0, max_wait = "250ms")]
async fn search() {}

fn main() {}
