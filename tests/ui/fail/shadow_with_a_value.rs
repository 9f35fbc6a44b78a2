use limiter_tower::rate_limit;

#[rate_limit("5/min", shadow = true)]
async fn sessions() {}

fn main() {}
