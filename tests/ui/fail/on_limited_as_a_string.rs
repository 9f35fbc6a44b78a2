use limiter_tower::rate_limit;

#[rate_limit("100/min", on_limited = "sorry")]
async fn sessions() {}

fn main() {}
