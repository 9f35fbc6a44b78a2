use limiter_tower::rate_limit;

#[rate_limit("100/min", per = "hour")]
async fn sessions() {}

fn main() {}
