use limiter_tower::rate_limit;

#[rate_limit("100/min", key = "client_ip")]
async fn sessions() {}

fn main() {}
