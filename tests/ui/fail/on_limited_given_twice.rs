use limiter_tower::rate_limit;

use limiter_tower::response::{Content, Denial};

fn sorry(_: &Denial<'_>) -> Content {
    Content::text("sorry")
}

#[rate_limit("100/min", on_limited = sorry)]
#[rate_limit("1000/h", on_limited = sorry)]
async fn sessions() {}

fn main() {}
