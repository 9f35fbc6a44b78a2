//! Handlers spread over modules, with every visibility, brought to the router by re-exports and traits.
#![deny(warnings)]

mod api {
    pub(crate) use v1::{list, sessions::show};

    pub(crate) mod v1 {
        use limiter_tower::rate_limit;

        #[rate_limit("100/min")]
        pub(crate) async fn list() -> &'static str {
            sessions::helper()
        }

        pub(in crate::api) mod sessions {
            use axum::extract::Path;

            #[limiter_tower::rate_limit("100/min", key = super::super::keys::everyone, quota = self::plan)]
            pub(crate) async fn show(Path(id): Path<u64>) -> String {
                id.to_string()
            }

            #[limiter_tower::rate_limit("100/min")]
            pub(in crate::api) async fn edit() {}

            pub(super) fn helper() -> &'static str {
                "list"
            }

            fn plan(_: &http::request::Parts) -> limiter_tower::Quota {
                limiter_tower::Quota::per_minute(10)
            }
        }

        pub(in crate::api) use self::sessions::edit as change;
    }

    mod keys {
        pub(super) fn everyone(_: &http::request::Parts) -> u8 {
            0
        }
    }

    pub(crate) trait Routes {
        fn routes() -> axum::Router;
    }

    pub(crate) struct Sessions;

    impl Routes for Sessions {
        fn routes() -> axum::Router {
            #[limiter_tower::rate_limit("10/min")]
            async fn count() -> String {
                1.to_string()
            }

            #[limiter_tower::rate_limit(concurrent = 1)]
            fn slow() -> axum::Router {
                axum::Router::new().route("/slow", axum::routing::get(count))
            }

            axum::Router::new().route("/count", axum::routing::get(count).put(v1::change)).merge(slow())
        }
    }
}

/// Two handlers of one name in two modules.
mod a {
    #[limiter_tower::rate_limit("100/min")]
    pub(super) async fn list() {}
}

fn main() {
    use api::Routes;
    use axum::routing::get;
    let _: axum::Router = axum::Router::new()
        .route("/list", get(api::list).post(a::list))
        .route("/show/{id}", get(api::show))
        .nest("/sessions", api::Sessions::routes());
}
