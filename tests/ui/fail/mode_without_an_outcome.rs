use limiter_tower::rate_limit;

#[rate_limit("100/min", mode = "lenient", in_flight = 8)]
async fn login() {}

fn main() {}
