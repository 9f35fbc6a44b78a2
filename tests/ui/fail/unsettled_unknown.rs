use limiter_tower::rate_limit;

#[rate_limit("100/min", settle = "handler", unsettled = "forget")]
async fn login() {}

fn main() {}
