//! States as applications have them: trait objects, generic structs, and what `FromRef` takes out of them.
#![deny(warnings)]

use axum::extract::{FromRef, Path, State};
use axum::{Router, routing::get};
use limiter_tower::rate_limit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

trait Sessions: Send + Sync {
    fn count(&self) -> u64;
}

impl Sessions for AtomicU64 {
    fn count(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}

struct App<D> {
    sessions: Arc<dyn Sessions>,
    database: D,
}

impl<D: Clone> Clone for App<D> {
    fn clone(&self) -> Self {
        App { sessions: self.sessions.clone(), database: self.database.clone() }
    }
}

impl<D> FromRef<App<D>> for Arc<dyn Sessions> {
    fn from_ref(app: &App<D>) -> Self {
        app.sessions.clone()
    }
}

#[derive(Clone)]
struct Memory;

#[rate_limit("100/min")]
async fn count(State(sessions): State<Arc<dyn Sessions>>) -> String {
    sessions.count().to_string()
}

#[rate_limit("100/min")]
async fn whole(State(App { sessions, database: Memory }): State<App<Memory>>, Path(id): Path<u64>) -> String {
    (sessions.count() + id).to_string()
}

#[rate_limit("1000/min", key = "global")]
fn for_any<D>() -> Router<App<D>>
where
    D: Clone + Send + Sync + 'static,
{
    Router::new().route("/count", get(count))
}

#[rate_limit("1000/min")]
fn with_a_state<S>(state: S) -> Router
where
    S: Clone + Send + Sync + 'static,
    Arc<dyn Sessions>: FromRef<S>,
{
    Router::new().route("/count", get(count)).with_state(state)
}

fn main() {
    let app = App { sessions: Arc::new(AtomicU64::new(5)), database: Memory };
    let _: Router = Router::new()
        .merge(for_any())
        .route("/whole/{id}", get(whole))
        .with_state(app.clone())
        .nest("/again", with_a_state(app));
}
