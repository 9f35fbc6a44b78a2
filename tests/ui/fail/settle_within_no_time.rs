use limiter_tower::rate_limit;

#[rate_limit("100/min", settle = "handler", settle_within = "0s")]
async fn login() {}

fn main() {}
