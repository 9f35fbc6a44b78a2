use limiter_tower::rate_limit;

#[rate_limit("100/min")]
fn sessions(_: axum::http::Method) -> &'static str {
    "forgot the async"
}

fn main() {}
