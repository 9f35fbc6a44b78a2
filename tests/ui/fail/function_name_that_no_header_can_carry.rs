use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn größe() {}

fn main() {}
