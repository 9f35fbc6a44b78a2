use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn sessions(body: String, method: axum::http::Method) {
    let _ = (body, method);
}

fn router() -> axum::Router {
    axum::Router::new().route("/", axum::routing::post(sessions))
}

fn main() {}
