use limiter_tower::rate_limit;

#[rate_limit("100/min", algorithm = "fixd")]
async fn sessions() {}

fn main() {}
