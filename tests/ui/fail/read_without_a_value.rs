use limiter_tower::rate_limit;

#[rate_limit(read =, write = 10)]
async fn sessions() {}

fn main() {}
