use limiter_tower::rate_limit;

#[rate_limit("100/min", settle = "later")]
async fn login() {}

fn main() {}
