use limiter_tower::rate_limit;

#[rate_limit(concurrent = 0)]
async fn sessions() {}

fn main() {}
