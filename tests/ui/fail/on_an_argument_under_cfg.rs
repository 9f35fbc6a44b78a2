use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn sessions(#[cfg(unix)] method: axum::http::Method) {
    let _ = method;
}

fn main() {}
