use limiter_tower::rate_limit;

#[rate_limit(raed = 1000, write = 10)]
async fn sessions() {}

fn main() {}
