use limiter_tower::rate_limit;

struct Session;

#[rate_limit("100/min")]
async fn sessions(session: Session) {
    let _ = session;
}

fn router() -> axum::Router {
    axum::Router::new().route("/", axum::routing::get(sessions))
}

fn main() {}
