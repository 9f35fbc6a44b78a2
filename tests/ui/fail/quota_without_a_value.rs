use limiter_tower::rate_limit;

#[rate_limit("100/min", quota)]
async fn sessions() {}

fn main() {}
