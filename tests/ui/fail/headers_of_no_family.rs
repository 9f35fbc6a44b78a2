use limiter_tower::rate_limit;

#[rate_limit("100/min", headers = "draft11")]
async fn sessions() {}

fn main() {}
