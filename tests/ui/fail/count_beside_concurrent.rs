use limiter_tower::rate_limit;

#[rate_limit(concurrent = 8, count = "failed")]
async fn login() {}

fn main() {}
