use limiter_tower::rate_limit;

#[rate_limit(concurrent = 8, penalty)]
async fn sessions() {}

fn main() {}
