//! Handlers made by a user's macro, with literals and types handed in.
use limiter_tower::rate_limit;

macro_rules! handler {
    ($name:ident, $quota:literal, $cost:expr, $ty:ty) => {
        #[rate_limit($quota, cost = $cost)]
        async fn $name(extractor: $ty) {
            let _ = extractor;
        }
    };
}

handler!(sessions, "100/min", 5, axum::http::Method);
handler!(bodies, "10/s", 1, axum::body::Bytes);

fn main() {
    let _: axum::Router = axum::Router::new().route("/", axum::routing::get(sessions).post(bodies));
}
