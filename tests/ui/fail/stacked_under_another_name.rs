use limiter_tower::rate_limit;

use limiter_tower::rate_limit as also;

#[rate_limit("10/s")]
#[also("1000/h")]
async fn sessions(method: axum::http::Method) -> String {
    method.to_string()
}

fn main() {}
