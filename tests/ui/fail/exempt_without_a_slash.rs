use limiter_tower::rate_limit;

#[rate_limit("100/min", exempt = "health, /metrics")]
fn api() -> axum::Router {
    axum::Router::new()
}

fn main() {}
