use limiter_tower::rate_limit;

#[rate_limit(raed = 1000, write = "10/minuts", key = "ipp", cost = "5", tier = 8)]
async fn sessions() -> &'static str {
    "ok"
}

fn router() -> axum::Router {
    axum::Router::new().route("/", axum::routing::get(sessions))
}

fn main() {}
