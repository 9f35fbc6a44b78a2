use limiter_tower::rate_limit;

#[rate_limit("100/min", on_store_error = closed)]
async fn sessions() {}

fn main() {}
