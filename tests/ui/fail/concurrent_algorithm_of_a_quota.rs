use limiter_tower::rate_limit;

#[rate_limit("100/min", algorithm = "concurrent")]
async fn sessions() {}

fn main() {}
