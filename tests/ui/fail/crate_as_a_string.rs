use limiter_tower::rate_limit;

#[rate_limit("100/min", crate = "limiter_tower")]
async fn sessions() {}

fn main() {}
