use limiter_tower::rate_limit;

#[rate_limit("10/s", name = "api")]
#[rate_limit("1000/h", name = "api")]
async fn sessions() {}

fn main() {}
