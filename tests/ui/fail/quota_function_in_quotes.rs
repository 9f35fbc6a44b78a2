use limiter_tower::rate_limit;

#[rate_limit("100/min", quota = "plan_of")]
async fn sessions() {}

fn main() {}
