use limiter_tower::rate_limit;

#[rate_limit("5/15min", count = "failed", mode = "lenent")]
async fn login() {}

fn main() {}
