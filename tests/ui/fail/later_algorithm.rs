use limiter_tower::rate_limit;

#[rate_limit("100/min", algorithm = "sliding")]
async fn sessions() {}

fn main() {}
