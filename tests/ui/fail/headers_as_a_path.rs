use limiter_tower::rate_limit;

#[rate_limit("100/min", headers = off)]
async fn sessions() {}

fn main() {}
