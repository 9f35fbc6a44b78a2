use limiter_tower::rate_limit;

#[rate_limit(read = 1000, per = "month")]
async fn sessions() {}

fn main() {}
