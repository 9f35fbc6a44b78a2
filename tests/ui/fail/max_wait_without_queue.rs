use limiter_tower::rate_limit;

#[rate_limit("10/s", max_wait = "250ms")]
async fn search() {}

fn main() {}
