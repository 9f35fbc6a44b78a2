use limiter_tower::rate_limit;

#[rate_limit("100/min")]
fn sessions() {}

fn main() {}
