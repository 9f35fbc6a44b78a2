use limiter_tower::rate_limit;

#[rate_limit("100/min", key = "ip", trusted_key)]
async fn sessions() {}

fn main() {}
