//! Arguments of every shape: none, substates, bodies, options, results, patterns, lifetimes, sixteen.
#![deny(warnings)]

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{FromRef, Json, Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::Router;
use limiter_tower::rate_limit;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;

#[derive(Clone)]
struct Db;

#[derive(Clone)]
struct App {
    db: Db,
}

impl FromRef<App> for Db {
    fn from_ref(app: &App) -> Db {
        app.db.clone()
    }
}

#[derive(Deserialize, Serialize)]
struct Session {
    name: String,
}

#[rate_limit(read = 1000, write = 10, key = "ip")]
async fn none() {}

#[rate_limit("100/min")]
async fn text() -> &'static str {
    "ok"
}

#[rate_limit("100/min")]
async fn substate(State(_db): State<Db>, State(app): State<App>) -> impl IntoResponse {
    let _ = app.db;
    Html("ok")
}

#[rate_limit("100/min")]
async fn json(State(Db): State<Db>, mut headers: HeaderMap, Json(mut session): Json<Session>) -> Json<Session> {
    headers.clear();
    session.name.push('!');
    Json(session)
}

#[rate_limit("100/min")]
async fn result(Path((id, name)): Path<(u32, String)>) -> Result<String, (StatusCode, &'static str)> {
    if id == 0 {
        return Err((StatusCode::NOT_FOUND, "nobody"));
    }
    Ok(name)
}

#[rate_limit("100/min")]
async fn question(Path(id): Path<String>) -> Result<String, StatusCode> {
    let id: u32 = id.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(id.to_string())
}

#[rate_limit("100/min")]
async fn optional(path: Option<Path<String>>, query: Query<HashMap<String, String>>) -> String {
    (path.is_some() && query.is_empty()).to_string()
}

#[rate_limit("100/min")]
async fn fallible(body: Result<Json<Session>, axum::extract::rejection::JsonRejection>) -> Response {
    match body {
        Ok(_) => StatusCode::OK.into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

#[rate_limit("100/min")]
async fn whole(request: Request) -> String {
    request.uri().to_string()
}

#[rate_limit("100/min")]
async fn socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|_: WebSocket| async {})
}

#[rate_limit("100/min")]
async fn elided(Path(name): Path<Cow<'_, str>>) -> String {
    name.into_owned()
}

#[rate_limit("100/min")]
async fn named_lifetime<'a>(Path(name): Path<Cow<'a, str>>) -> String {
    name.into_owned()
}

#[rate_limit("100/min")]
#[allow(clippy::too_many_arguments)]
async fn sixteen(
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Uri,
    _: State<Db>,
    _: String,
) {
}

fn main() {
    let _: Router = Router::new()
        .route("/none", get(none))
        .route("/text", get(text).post(text))
        .route("/substate", get(substate))
        .route("/json", post(json))
        .route("/result/{id}/{name}", get(result))
        .route("/question/{id}", get(question))
        .route("/optional", get(optional))
        .route("/fallible", post(fallible))
        .route("/socket", any(socket))
        .route("/elided/{name}", get(elided))
        .route("/named/{name}", get(named_lifetime))
        .route("/sixteen", post(sixteen))
        .fallback(whole)
        .with_state(App { db: Db });
}
