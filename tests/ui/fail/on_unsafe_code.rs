use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async unsafe fn sessions() {}

fn main() {}
