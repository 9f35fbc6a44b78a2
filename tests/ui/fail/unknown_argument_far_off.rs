use limiter_tower::rate_limit;

#[rate_limit("100/min", banana = 1)]
async fn sessions() {}

fn main() {}
