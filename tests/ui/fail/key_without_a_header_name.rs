use limiter_tower::rate_limit;

#[rate_limit("100/min", key = "header:")]
async fn sessions() {}

fn main() {}
