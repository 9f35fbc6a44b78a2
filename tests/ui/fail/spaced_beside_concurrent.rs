use limiter_tower::rate_limit;

#[rate_limit(concurrent = 8, queue = 8, max_wait = "1s", spaced)]
async fn search() {}

fn main() {}
