use limiter_tower::rate_limit;

#[rate_limit("10/s burst 20", queue = 8, max_wait = "1s", spaced)]
async fn search() {}

fn main() {}
