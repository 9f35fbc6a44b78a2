use limiter_tower::rate_limit;

#[rate_limit(concurrent = 8, ban = "1h")]
async fn sessions() {}

fn main() {}
