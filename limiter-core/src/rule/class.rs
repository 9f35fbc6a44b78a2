//! Reads and writes.

use http::request::Parts;
use http::{HeaderMap, Method, Version};

/// Which requests a rule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MethodClass {
    /// All.
    #[default]
    Any,
    /// GET, HEAD, OPTIONS, TRACE, and the CONNECT that opens a WebSocket over HTTP/2.
    Read,
    /// Everything else.
    Write,
}

impl MethodClass {
    /// The class of one request: [`Read`](MethodClass::Read) or [`Write`](MethodClass::Write).
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        Self::of_head(&parts.method, parts.version, &parts.headers)
    }

    /// The same, of a request that is not taken apart.
    #[must_use]
    #[inline]
    pub fn of_head(method: &Method, version: Version, headers: &HeaderMap) -> Self {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => MethodClass::Read,
            Method::CONNECT if is_websocket_connect(version, headers) => MethodClass::Read,
            _ => MethodClass::Write,
        }
    }

    /// Whether a rule of this class counts a request of class `request`.
    #[must_use]
    pub fn counts(self, request: MethodClass) -> bool {
        self == MethodClass::Any || self == request
    }

    /// What is appended to a function's name to make the rule's public name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            MethodClass::Any => "",
            MethodClass::Read => "-read",
            MethodClass::Write => "-write",
        }
    }
}

/// RFC 8441: over HTTP/2 and later a WebSocket opens with an extended CONNECT, which carries the
/// version of the protocol it asks for; a plain CONNECT never does.
fn is_websocket_connect(version: Version, headers: &HeaderMap) -> bool {
    version >= Version::HTTP_2 && headers.contains_key(http::header::SEC_WEBSOCKET_VERSION)
}
