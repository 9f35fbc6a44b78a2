use limiter_tower::rate_limit;

#[rate_limit("5/15min", count = "failed", mode = "lenient", in_flight = 0)]
async fn login() {}

fn main() {}
