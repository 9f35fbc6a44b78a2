use limiter_tower::rate_limit;

#[rate_limit(read = 1000, per = min)]
async fn sessions() {}

fn main() {}
