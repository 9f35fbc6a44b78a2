//! Extractors that an application writes: with rejections, optional, around others, with lifetimes and defaults.
#![deny(warnings)]

use axum::extract::{FromRef, FromRequest, FromRequestParts, Json, OptionalFromRequestParts, Request, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::post};
use limiter_tower::{CurrentDecision, rate_limit};
use serde::{Deserialize, de::DeserializeOwned};
use std::borrow::Cow;
use std::convert::Infallible;
use std::marker::PhantomData;

#[derive(Clone)]
struct Secret(&'static str);

#[derive(Clone, FromRef)]
struct App {
    secret: Secret,
    number: u32,
}

struct User(String);

impl<S> FromRequestParts<S> for User
where
    Secret: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let token = parts.headers.get("authorization").and_then(|token| token.to_str().ok());
        let token = token.ok_or((StatusCode::UNAUTHORIZED, "who?"))?;
        if token == Secret::from_ref(state).0 { Ok(User(token.into())) } else { Err((StatusCode::FORBIDDEN, "no")) }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for User {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.headers.get("authorization").map(|_| User("somebody".into())))
    }
}

struct Valid<T, const MOST: usize = 10>(T);

impl<S, T, const MOST: usize> FromRequest<S> for Valid<Json<T>, MOST>
where
    S: Send + Sync,
    T: DeserializeOwned + AsRef<str>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let Json(value) = Json::<T>::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        if value.as_ref().len() > MOST {
            return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
        }
        Ok(Valid(Json(value)))
    }
}

#[derive(Deserialize)]
struct Name(String);

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

struct Language<'a>(Cow<'a, str>, PhantomData<&'a ()>);

impl<S: Send + Sync> FromRequestParts<S> for Language<'static> {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Language(Cow::Borrowed("en"), PhantomData))
    }
}

#[rate_limit("100/min")]
async fn required(User(name): User, Valid(Json(Name(new))): Valid<Json<Name>>) -> String {
    name + &new
}

#[rate_limit("100/min")]
async fn optional(user: Option<User>, State(number): State<u32>, body: Valid<Json<Name>, 3>) -> String {
    format!("{}{number}{}", user.is_some(), body.0.0.0)
}

#[rate_limit("100/min")]
async fn either(
    user: Result<User, (StatusCode, &'static str)>,
    language: Language<'_>,
    decision: Option<CurrentDecision>,
) -> Result<String, (StatusCode, &'static str)> {
    let _ = decision;
    let User(name) = user?;
    Ok(name + &language.0)
}

fn main() {
    let _: Router = Router::new()
        .route("/required", post(required))
        .route("/optional", post(optional))
        .route("/either", post(either))
        .with_state(App { secret: Secret("s"), number: 5 });
}
