//! Bodies of a refusal to choose from by what the request accepts.

use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue, VARY};
use http::{HeaderMap, Response};

use super::accept;
use super::body::{Content, MakeResponse};
use super::denial::Denial;
use crate::headers::WireError;

/// Several bodies, of which a refused request gets the one that its `Accept` wants most. Of those it wants alike, the
/// first is sent; if it accepts none, or says nothing, the first of all: a refusal that a client did not ask for is
/// better than one without a word.
///
/// The answer then says `Vary: Accept`.
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use limiter_tower::headers::Wire;
/// use limiter_tower::response::{Choices, Content};
/// use limiter_tower::{Global, Limiter, RateLimitLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let choices = Choices::new()
///     .html(|denial| format!("<h1>{}</h1>", denial.title()))
///     .or("application/xml", |_| Content::new("application/xml".parse().unwrap(), "<later/>"))?;
/// let layer = RateLimitLayer::builder()
///     .quota("1/min")
///     .key(Global)
///     .limiter(Limiter::in_memory())
///     .wire(Wire::new().negotiate(choices))
///     .build()?;
/// let service = layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
///
/// let ask = |accept: &str| service.clone().oneshot(Request::get("/").header("accept", accept).body(String::new()).unwrap());
/// ask("*/*").await?;
/// for (accept, content_type) in [
///     ("text/html, */*;q=0.1", "text/html; charset=utf-8"),
///     ("application/json", "application/json"),
///     ("text/*", "text/plain; charset=utf-8"),
///     ("application/xml, text/html;q=0.9", "application/xml"),
///     ("image/png", "application/problem+json"),
/// ] {
///     let refused = ask(accept).await?;
///     assert_eq!(refused.headers()["content-type"], content_type);
///     assert_eq!(refused.headers()["vary"], "accept");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Choices(Vec<Choice>);

#[derive(Clone)]
struct Choice {
    media_type: Cow<'static, str>,
    make: Arc<MakeResponse>,
}

impl Choices {
    /// A problem document (`application/problem+json`), plain JSON (`application/json`) and plain text (`text/plain`).
    pub fn new() -> Self {
        Choices(Vec::new())
            .with("application/problem+json", |denial| denial.problem(denial.problem_type()))
            .with("application/json", |denial| denial.plain_json())
            .with("text/plain", |denial| denial.text())
    }

    /// Adds an HTML page.
    pub fn html<P: Into<Bytes>>(self, page: impl Fn(&Denial<'_>) -> P + Send + Sync + 'static) -> Self {
        self.with("text/html", move |denial| Content::html(page(denial)))
    }

    /// Adds a body of a media type of your own, or takes the place of the one that has this type.
    ///
    /// # Errors
    ///
    /// When that is no media type, or has parameters: those belong to the answer's own `Content-Type`.
    pub fn or<R>(
        self,
        media_type: &str,
        make: impl Fn(&Denial<'_>) -> R + Send + Sync + 'static,
    ) -> Result<Self, WireError>
    where
        R: Into<Response<Bytes>>,
    {
        if !is_media_type(media_type) {
            return Err(WireError::MediaType { found: media_type.to_owned() });
        }
        Ok(self.with(media_type.to_ascii_lowercase(), make))
    }

    /// Moves the body of a media type to the front: requests which accept none, or any, get that one. Without a body of
    /// this type all stays as it is.
    pub fn first(mut self, media_type: &str) -> Self {
        if let Some(at) = self.0.iter().position(|choice| choice.media_type.eq_ignore_ascii_case(media_type)) {
            let choice = self.0.remove(at);
            self.0.insert(0, choice);
        }
        self
    }

    fn with<R>(
        mut self,
        media_type: impl Into<Cow<'static, str>>,
        make: impl Fn(&Denial<'_>) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Into<Response<Bytes>>,
    {
        let choice = Choice { media_type: media_type.into(), make: Arc::new(move |denial| make(denial).into()) };
        match self.0.iter_mut().find(|known| known.media_type == choice.media_type) {
            Some(known) => *known = choice,
            None => self.0.push(choice),
        }
        self
    }

    pub(super) fn make(&self, denial: &Denial<'_>) -> Response<Bytes> {
        let Some(choice) = self.wanted(&denial.request().headers) else { return Response::default() };
        let mut response = (choice.make)(denial);
        // The answer of somebody's own may vary by more.
        let _full = response.headers_mut().try_append(VARY, HeaderValue::from_static("accept")).is_err();
        response
    }

    fn wanted(&self, headers: &HeaderMap) -> Option<&Choice> {
        let first = self.0.first()?;
        let mut best = (first, 0);
        for choice in &self.0 {
            let weight = accept::weight(headers.get_all(ACCEPT).iter(), &choice.media_type);
            if weight > best.1 {
                best = (choice, weight);
            }
        }
        Some(best.0)
    }

    /// The media types, from the first to the last.
    pub fn media_types(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|choice| &*choice.media_type)
    }
}

impl Default for Choices {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.media_types()).finish()
    }
}

/// Two tokens (RFC 9110, section 5.6.2) with a slash between them.
fn is_media_type(text: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, of)| is_token(kind) && is_token(of))
}
