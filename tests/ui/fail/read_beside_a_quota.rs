use limiter_tower::rate_limit;

#[rate_limit("100/min", read = 1000)]
async fn sessions() {}

fn main() {}
