use limiter_tower::rate_limit;

#[rate_limit("5/min", penalty = 2)]
async fn sessions() {}

fn main() {}
