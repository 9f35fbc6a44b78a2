//! Keys of one's own: who is limited is said by a function, by what authentication found, or by
//! several of these together.
//!
//! ```text
//! $ cargo run -p examples --bin custom_key
//! ```

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use axum::{Router, http};
use limiter_tower::key::{Composite, Extension};
use limiter_tower::{LimiterLayer, RateLimitLayer, rate_limit, testing};

/// What authentication finds out.
#[derive(Clone)]
struct User {
    id: u64,
}

/// Stands in for one that checks a signature.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let id = request.headers().get("x-user").and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(id) = id {
        request.extensions_mut().insert(User { id });
    }
    next.run(request).await
}

/// `/projects/apollo/..` is about the project `apollo`. Where there is none the rule's choice for
/// missing keys applies: all such requests share one budget.
fn project(parts: &Parts) -> Option<String> {
    let mut segments = parts.uri.path().split('/').skip(1);
    (segments.next() == Some("projects")).then(|| segments.next().map(str::to_owned)).flatten()
}

/// In an attribute a path is a function: it finds the key.
#[rate_limit("2/min", key = project)]
async fn per_project() -> &'static str {
    "a page"
}

fn request(user: u64, project: &str) -> http::Request<Body> {
    let request = http::Request::get(format!("/projects/{project}")).header("x-user", user);
    testing::from_ip("203.0.113.7", request.body(Body::empty()).unwrap_or_default())
}

/// The handler, and what every application here has around it.
fn app(page: MethodRouter) -> Router {
    let (limiter, _clock) = testing::limiter();
    Router::new()
        .route("/projects/{name}", page)
        .layer(LimiterLayer::new(limiter))
        // Outermost: a limit further in can only use what is there when it is reached.
        .layer(middleware::from_fn(authenticate))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The users of all requests below, and the projects they ask for.
    let asked = [(1, "apollo"), (1, "apollo"), (1, "gemini"), (2, "apollo"), (2, "gemini"), (2, "gemini")];

    let page = || get(async || "a page");
    let user = || Extension::new(|user: &User| user.id);
    let per_user = RateLimitLayer::builder().quota("2/min").key(user()).build()?;
    let both = Composite::new(vec![Arc::new(user()), Arc::new(project)]);
    let per_user_and_project = RateLimitLayer::builder().quota("2/min").key(both).build()?;

    for (title, app) in [
        ("two a minute for each project (a function)", app(get(per_project))),
        ("two a minute for each user (what authentication found)", app(page().layer(per_user))),
        ("two a minute for each user in each project (both)", app(page().layer(per_user_and_project))),
    ] {
        println!("{title}");
        let trace = testing::drive(&app, asked.len(), |n| request(asked[n].0, asked[n].1)).await;
        for ((user, project), step) in asked.iter().zip(&trace) {
            let told = match (step.is_admitted(), step.remaining(), step.retry_after()) {
                (true, Some(left), _) => format!("admitted, {left} left"),
                (_, _, Some(wait)) => format!("refused, again in {wait} s"),
                _ => "not counted".to_owned(),
            };
            println!("  user {user} asks for {project}: {told}");
        }
    }
    Ok(())
}
