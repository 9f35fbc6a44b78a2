use limiter_tower::rate_limit;

#[rate_limit(concurrent = 8, queue = 32)]
async fn search() {}

fn main() {}
