use limiter_tower::rate_limit;

#[rate_limit("100/min")]
#[tokio::main(flavor = "current_thread")]
async fn main() {}
