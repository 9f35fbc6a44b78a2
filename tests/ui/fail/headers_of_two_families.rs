use limiter_tower::rate_limit;

#[rate_limit("100/min", headers = "draft-11, draft-07")]
async fn sessions() {}

fn main() {}
