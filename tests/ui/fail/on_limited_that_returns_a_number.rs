use limiter_tower::rate_limit;

use limiter_tower::response::Denial;

fn sorry(_: &Denial<'_>) -> u16 {
    429
}

#[rate_limit("100/min", on_limited = sorry)]
async fn sessions() {}

fn main() {}
