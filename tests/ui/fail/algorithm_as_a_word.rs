use limiter_tower::rate_limit;

#[rate_limit("100/min", algorithm = fixed)]
async fn sessions() {}

fn main() {}
