use limiter_tower::rate_limit;

#[rate_limit]
async fn sessions() {}

fn main() {}
