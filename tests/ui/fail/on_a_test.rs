use limiter_tower::rate_limit;

#[rate_limit("100/min")]
#[tokio::test]
async fn sessions() {}

fn main() {}
