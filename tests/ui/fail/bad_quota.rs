use limiter_tower::rate_limit;

#[rate_limit("100/minuts")]
async fn sessions() {}

fn main() {}
