use limiter_tower::rate_limit;

#[rate_limit("10/s burst 20", burst = 30)]
async fn sessions() {}

fn main() {}
