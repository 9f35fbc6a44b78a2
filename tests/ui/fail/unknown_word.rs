use limiter_tower::rate_limit;

#[rate_limit("100/min", trusted)]
async fn sessions() {}

fn main() {}
