use limiter_tower::rate_limit;

#[rate_limit("100/min", concurrent = 8)]
async fn sessions() {}

fn main() {}
