//! What handlers return: an application's error by `?`, parts of responses, bodies, and what borrows nothing.
#![deny(warnings)]

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, NoContent, Redirect, Response};
use axum::{Extension, Json, Router, routing::get};
use limiter_tower::rate_limit;
use std::fmt;

#[derive(Debug)]
enum AppError {
    Number(std::num::ParseIntError),
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppError::Number(error) => error.fmt(f),
            AppError::Other(error) => error.fmt(f),
        }
    }
}

impl From<std::num::ParseIntError> for AppError {
    fn from(error: std::num::ParseIntError) -> Self {
        AppError::Number(error)
    }
}

impl From<std::io::Error> for AppError {
    fn from(error: std::io::Error) -> Self {
        AppError::Other(error.into())
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

type Answer<T> = Result<T, AppError>;

#[rate_limit("100/min")]
async fn question(Path(number): Path<String>) -> Answer<Json<u32>> {
    let number = number.parse::<u32>()?;
    let all: Vec<u32> = (0..number).map(|n| Ok(n + number)).collect::<Result<_, AppError>>()?;
    let read = async { std::io::Result::Ok(all.len()) };
    Ok(Json(number + u32::try_from(read.await?).unwrap_or(0)))
}

#[rate_limit("100/min")]
async fn parts() -> (StatusCode, [(HeaderName, &'static str); 1], Extension<u8>, String) {
    (StatusCode::CREATED, [(CONTENT_TYPE, "text/plain")], Extension(5), "text".to_owned())
}

#[rate_limit("100/min")]
async fn opaque(headers: HeaderMap) -> impl IntoResponse + use<> {
    (AppendHeaders([("x-count", headers.len().to_string())]), Html("<p>"))
}

#[rate_limit("100/min")]
async fn nested() -> Result<Result<NoContent, Redirect>, axum::response::ErrorResponse> {
    if cfg!(any()) {
        Err(StatusCode::IM_A_TEAPOT)?;
    }
    Ok(Err(Redirect::to("/")))
}

#[rate_limit("100/min")]
async fn tasks() -> Answer<Vec<u8>> {
    let task = tokio::spawn(async { vec![1_u8; 8] });
    let other = tokio::task::spawn_blocking(|| 5_u8);
    let (mut bytes, byte) = (task.await.unwrap_or_default(), other.await.unwrap_or_default());
    bytes.push(byte);
    tokio::time::timeout(std::time::Duration::MAX, std::future::ready(())).await.map_err(std::io::Error::other)?;
    Ok(bytes)
}

#[rate_limit("100/min")]
async fn body() -> http::Response<Body> {
    match http::Response::builder().status(202).body(Body::from("a")) {
        Ok(response) => response,
        Err(error) => AppError::Other(error.into()).into_response(),
    }
}

#[rate_limit("100/min")]
#[allow(unreachable_code)]
async fn early(number: Option<Extension<u32>>) -> &'static str {
    let Some(Extension(number)) = number else { return "none" };
    'found: {
        if number > 5 {
            break 'found;
        }
        return "small";
    }
    "large"
}

fn main() {
    let _: Router = Router::new()
        .route("/question/{number}", get(question))
        .route("/parts", get(parts).post(opaque).put(nested))
        .route("/tasks", get(tasks).post(body).put(early));
}
