use limiter_tower::rate_limit;

#[rate_limit("10/s", spaced)]
async fn search() {}

fn main() {}
