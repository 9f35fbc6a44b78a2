//! The API. Its limits are the two `#[rate_limit]` lines.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use limiter_tower::rate_limit;
use serde::Serialize;
use serde_json::{Value, json};

/// Sessions are kept in memory, the newest of them.
const SESSIONS_KEPT: usize = 1000;

#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<Vec<Session>>>);

#[derive(Clone, Serialize)]
struct Session {
    id: u64,
    user: String,
}

/// Everything this program serves.
pub fn app() -> Router {
    Router::new()
        .nest("/api/v1", api())
        .route("/login", post(login))
        .route("/health", get(|| async { "ok" }))
        .with_state(Sessions::default())
}

/// One line over the group: a route added here is limited, nobody has to remember it.
#[rate_limit(read = 1000, write = 10, key = "ip", name = "api")]
fn api() -> Router<Sessions> {
    Router::new()
        .route("/sessions", get(list).post(create))
        .route("/sessions/{id}", get(show))
        .route("/events", post(event))
}

/// A tighter limit of its own: guessing passwords is slow work here.
#[rate_limit("5/min", key = "ip")]
async fn login(body: Bytes) -> Response {
    let password =
        serde_json::from_slice::<Value>(&body).ok().and_then(|body| Some(body.get("password")?.as_str()?.to_owned()));
    match password.as_deref() {
        Some("open sesame") => Json(json!({ "token": "demo" })).into_response(),
        _ => (StatusCode::UNAUTHORIZED, Json(json!({ "error": "wrong_password" }))).into_response(),
    }
}

async fn list(State(sessions): State<Sessions>) -> Json<Vec<Session>> {
    Json(sessions.with(|all| all.clone()))
}

async fn show(State(sessions): State<Sessions>, Path(id): Path<u64>) -> Response {
    match sessions.with(|all| all.iter().find(|session| session.id == id).cloned()) {
        Some(session) => Json(session).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({ "error": "no_such_session" }))).into_response(),
    }
}

async fn create(State(sessions): State<Sessions>, body: Bytes) -> impl IntoResponse {
    let user =
        serde_json::from_slice::<Value>(&body).ok().and_then(|body| Some(body.get("user")?.as_str()?.to_owned()));
    let session = sessions.with(|all| {
        let id = all.last().map_or(1, |newest| newest.id + 1);
        if all.len() == SESSIONS_KEPT {
            all.remove(0);
        }
        let session = Session { id, user: user.unwrap_or_else(|| "anonymous".to_owned()) };
        all.push(session.clone());
        session
    });
    (StatusCode::CREATED, Json(session))
}

async fn event() -> StatusCode {
    StatusCode::ACCEPTED
}

impl Sessions {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<Session>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
