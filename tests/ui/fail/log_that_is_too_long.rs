use limiter_tower::rate_limit;

#[rate_limit("20000/h", algorithm = "log")]
async fn sessions() {}

fn main() {}
