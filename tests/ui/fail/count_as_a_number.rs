use limiter_tower::rate_limit;

#[rate_limit("5/15min", count = 401)]
async fn login() {}

fn main() {}
