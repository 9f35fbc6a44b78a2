//! The body of a refusal.

use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::choices::Choices;
use super::denial::Denial;

/// Answers refused requests. See [`Wire::respond_with`](crate::headers::Wire::respond_with).
pub type MakeResponse = dyn Fn(&Denial<'_>) -> Response<Bytes> + Send + Sync;

/// Which body refusals have.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Body {
    /// Your own.
    Custom(Arc<MakeResponse>),
    /// The one of several that the request accepts.
    Negotiated(Arc<Choices>),
    /// None.
    None,
    /// `{"error":"rate_limit_exceeded"}` or `{"error":"over_capacity"}`, as `application/json`.
    PlainJson,
    /// A problem document (RFC 9457), as `application/problem+json`.
    #[default]
    Problem,
    /// The title, as `text/plain`.
    Text,
}

impl Body {
    pub(super) fn make(&self, denial: &Denial<'_>) -> Response<Bytes> {
        match self {
            Body::Custom(make) => make(denial),
            Body::Negotiated(choices) => choices.make(denial),
            Body::None => Response::new(Bytes::new()),
            Body::PlainJson => denial.plain_json().into(),
            Body::Problem => denial.usual_problem().into(),
            Body::Text => denial.text().into(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Body::Custom(_) => "Custom",
            Body::Negotiated(_) => "Negotiated",
            Body::None => "None",
            Body::PlainJson => "PlainJson",
            Body::Problem => "Problem",
            Body::Text => "Text",
        })
    }
}

/// What the body of a refusal says in words, in a problem's `detail` or after a text's title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// Nothing.
    #[default]
    Off,
    /// Always this.
    Text(Cow<'static, str>),
    /// When to try again, where that is known.
    Wait,
}

/// The fields of a refusal in both default families.
const FIELDS: usize = 9;

/// A body and its type.
///
/// ```
/// use limiter_tower::response::Content;
///
/// let page = Content::html("<p>Later, please.");
/// assert_eq!(page.content_type(), "text/html; charset=utf-8");
/// assert_eq!(&page.bytes()[..], b"<p>Later, please.");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    content_type: HeaderValue,
    bytes: Bytes,
}

impl Content {
    /// A body of any type.
    #[must_use]
    pub fn new(content_type: HeaderValue, bytes: impl Into<Bytes>) -> Self {
        Content { content_type, bytes: bytes.into() }
    }

    /// An HTML page in UTF-8.
    #[must_use]
    pub fn html(page: impl Into<Bytes>) -> Self {
        Self::new(HeaderValue::from_static("text/html; charset=utf-8"), page)
    }

    /// JSON.
    #[must_use]
    pub fn json(document: impl Into<Bytes>) -> Self {
        Self::new(HeaderValue::from_static("application/json"), document)
    }

    /// Plain text in UTF-8.
    #[must_use]
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self::new(HeaderValue::from_static("text/plain; charset=utf-8"), text)
    }

    /// The type.
    #[must_use]
    pub fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl From<Content> for Response<Bytes> {
    fn from(content: Content) -> Self {
        let mut response = Response::new(content.bytes);
        let headers = response.headers_mut();
        // Room for all that a refusal says, so that the section does not have to grow.
        let _full = headers.try_reserve(FIELDS).is_err();
        headers.insert(CONTENT_TYPE, content.content_type);
        response
    }
}
