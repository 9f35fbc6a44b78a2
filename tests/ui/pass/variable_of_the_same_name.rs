//! The name stays a function, so that a variable may have it too.
use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn sessions() -> usize_text::Text {
    let sessions = vec!["a", "b"];
    usize_text::Text(sessions.len().to_string())
}

mod usize_text {
    pub struct Text(pub String);

    impl axum::response::IntoResponse for Text {
        fn into_response(self) -> axum::response::Response {
            self.0.into_response()
        }
    }
}

fn count() -> usize {
    let sessions = [1, 2, 3];
    match sessions.len() {
        3 => sessions.len(),
        _ => 0,
    }
}

fn main() {
    assert_eq!(count(), 3);
    let _: axum::Router = axum::Router::new().route("/", axum::routing::get(sessions));
}
