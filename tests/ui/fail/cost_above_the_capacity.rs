use limiter_tower::rate_limit;

#[rate_limit("10/s, 1000/h", cost = 50)]
async fn sessions() {}

fn main() {}
