//! Keys read from the head of a request.
//!
//! What may be a secret (headers, cookies, query parameters) becomes a keyed hash at once: no token
//! is stored, logged or shown.

use core::fmt;
use core::marker::PhantomData;

use http::header::{COOKIE, HOST, HeaderName};

use super::key_value::{Key, Part};
use super::source::{Extracted, IntoKey, KeyContext, KeySource};

/// The value of one header. Empty counts as missing; of several lines the last counts, since a
/// gateway appends.
#[derive(Clone, Debug)]
pub struct Header(HeaderName);

impl Header {
    /// Keys by the named header.
    #[must_use]
    pub fn new(name: HeaderName) -> Self {
        Header(name)
    }
}

impl KeySource for Header {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        let last = request.parts().headers.get_all(&self.0).iter().next_back();
        secret(last.map(|value| value.as_bytes()))
    }

    fn describe(&self) -> String {
        format!("header:{}", self.0)
    }

    fn is_secret(&self) -> bool {
        true
    }

    fn is_caller_chosen(&self) -> bool {
        true
    }
}

/// The value of one cookie; the first of that name counts. Empty counts as missing.
#[derive(Clone, Debug)]
pub struct Cookie(String);

impl Cookie {
    /// Keys by the named cookie.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Cookie(name.into())
    }
}

impl KeySource for Cookie {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        let lines = request.parts().headers.get_all(COOKIE).iter();
        let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        secret(pairs.find_map(|pair| {
            let (name, value) = split_at_equals(pair.trim_ascii())?;
            (name == self.0.as_bytes()).then_some(value)
        }))
    }

    fn describe(&self) -> String {
        format!("cookie:{}", self.0)
    }

    fn is_secret(&self) -> bool {
        true
    }

    fn is_caller_chosen(&self) -> bool {
        true
    }
}

/// The value of one parameter of the query, decoded; the first of that name counts. Empty counts as missing.
#[derive(Clone, Debug)]
pub struct Query(String);

impl Query {
    /// Keys by the named parameter.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Query(name.into())
    }
}

impl KeySource for Query {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        let query = request.parts().uri.query().unwrap_or_default();
        let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| *name == self.0.as_str());
        secret(found.as_ref().map(|(_, value)| value.as_bytes()))
    }

    fn describe(&self) -> String {
        format!("query:{}", self.0)
    }

    fn is_secret(&self) -> bool {
        true
    }

    fn is_caller_chosen(&self) -> bool {
        true
    }
}

/// A parameter of the route's path, decoded. Missing where the router does not say, or the route has none.
#[derive(Clone, Debug)]
pub struct Path(String);

impl Path {
    /// Keys by the named parameter.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Path(name.into())
    }
}

impl KeySource for Path {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        match request.route().and_then(|route| route.parameter(&self.0)) {
            Some(value) if !value.is_empty() => Extracted::Key(Key::from(&*value)),
            _ => Extracted::Missing,
        }
    }

    fn describe(&self) -> String {
        format!("path:{}", self.0)
    }

    fn is_per_client(&self) -> bool {
        false
    }
}

/// The route's path as declared. Missing where the router does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Route;

impl KeySource for Route {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        match request.route().and_then(|route| route.pattern()) {
            Some(pattern) => Extracted::Key(Key::from(pattern)),
            None => Extracted::Missing,
        }
    }

    fn describe(&self) -> String {
        "route".to_owned()
    }

    fn is_per_client(&self) -> bool {
        false
    }
}

/// The request's method.
#[derive(Clone, Copy, Debug, Default)]
pub struct Method;

impl KeySource for Method {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        Extracted::Key(Key::from(request.parts().method.as_str()))
    }

    fn describe(&self) -> String {
        "method".to_owned()
    }

    fn is_per_client(&self) -> bool {
        false
    }
}

/// The host that the request names, in lower case and without its port.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

impl KeySource for Host {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        let parts = request.parts();
        let named = parts.uri.host().or_else(|| {
            let text = parts.headers.get(HOST)?.to_str().ok()?;
            // Brackets keep the colons of an IPv6 address apart from that of a port.
            Some(match text.rsplit_once(':') {
                Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
                _ => text,
            })
        });
        match named {
            Some(host) if !host.is_empty() => Extracted::Key(Key::from(host.to_ascii_lowercase())),
            _ => Extracted::Missing,
        }
    }

    fn describe(&self) -> String {
        "host".to_owned()
    }

    fn is_caller_chosen(&self) -> bool {
        true
    }

    fn is_per_client(&self) -> bool {
        false
    }
}

/// A key made from a request extension, such as what authentication left there.
///
/// ```
/// use limiter_core::Rule;
/// use limiter_core::key::Extension;
///
/// #[derive(Clone)]
/// struct User { id: u64 }
///
/// let rule = Rule::new("100/min".parse()?).key(Extension::new(|user: &User| user.id));
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
pub struct Extension<T, F> {
    read: F,
    of: PhantomData<fn(&T)>,
}

impl<T, F, K> Extension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> K + Send + Sync + 'static,
    K: IntoKey,
{
    /// Keys by what `read` makes of the extension of type `T`.
    #[must_use]
    pub fn new(read: F) -> Self {
        Extension { read, of: PhantomData }
    }
}

impl<T, F, K> KeySource for Extension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> K + Send + Sync + 'static,
    K: IntoKey,
{
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        request.parts().extensions.get::<T>().map_or(Extracted::Missing, |value| (self.read)(value).into_key())
    }

    fn describe(&self) -> String {
        format!("extension:{}", core::any::type_name::<T>())
    }
}

impl<T, F> fmt::Debug for Extension<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension({})", core::any::type_name::<T>())
    }
}

fn secret(value: Option<&[u8]>) -> Extracted {
    match value {
        Some(value) if !value.is_empty() => Extracted::Key(Part::secret(value).into()),
        _ => Extracted::Missing,
    }
}

fn split_at_equals(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    Some((pair.get(..at)?, pair.get(at + 1..)?))
}
