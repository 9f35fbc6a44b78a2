use limiter_tower::rate_limit;

#[rate_limit("5/15min", count = "failed", in_flight = 8)]
async fn login() {}

fn main() {}
