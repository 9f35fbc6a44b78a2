use limiter_tower::rate_limit;

#[rate_limit("10/s", exempt = "/health")]
#[rate_limit("1000/h", exempt = "/metrics")]
fn api() -> axum::Router {
    axum::Router::new()
}

fn main() {}
