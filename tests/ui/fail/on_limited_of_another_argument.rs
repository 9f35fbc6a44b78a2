use limiter_tower::rate_limit;

use limiter_tower::response::Content;

fn sorry(_: u16) -> Content {
    Content::text("sorry")
}

#[rate_limit("100/min", on_limited = sorry)]
async fn sessions() {}

fn main() {}
