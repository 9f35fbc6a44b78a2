use limiter_tower::rate_limit;

#[rate_limit("100/min", count = "failed", settle = cost_of)]
async fn login() {}

fn main() {}
