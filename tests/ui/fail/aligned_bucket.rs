use limiter_tower::rate_limit;

#[rate_limit("1000/day aligned utc")]
async fn sessions() {}

fn main() {}
