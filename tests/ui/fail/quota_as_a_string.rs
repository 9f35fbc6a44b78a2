use limiter_tower::rate_limit;

#[rate_limit(quota = "100/min")]
async fn sessions() {}

fn main() {}
