//! Visibility, private types in public handlers, handlers in functions and in impl blocks.
#![deny(warnings)]

mod api {
    use axum::Json;
    use axum::extract::State;
    use limiter_tower::rate_limit;
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub(crate) struct Private {
        pub(crate) name: String,
    }

    #[rate_limit("100/min")]
    pub(crate) async fn sessions(Json(private): Json<Private>) -> String {
        private.name
    }

    #[rate_limit("100/min")]
    pub(super) async fn r#type(State(number): State<u32>) -> String {
        number.to_string()
    }

    pub(crate) struct Handlers;

    impl Handlers {
        #[rate_limit("100/min")]
        pub(crate) async fn list() -> &'static str {
            "list"
        }
    }
}

fn main() {
    use axum::routing::{get, post};
    use limiter_tower::rate_limit;

    #[rate_limit("100/min")]
    async fn local() {}

    let _: axum::Router = axum::Router::new()
        .route("/", post(api::sessions).get(api::r#type))
        .route("/list", get(api::Handlers::list))
        .route("/local", get(local))
        .with_state(5);
}
