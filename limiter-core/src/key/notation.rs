//! From the notation of keys to the sources that read them.

use core::fmt;
use std::sync::Arc;

use http::header::HeaderName;

use super::address_sources::{Global, Ip, PeerAddress};
use super::combine::{Composite, Fallback};
use super::request_sources::{Cookie, Header, Host, Method, Path, Query, Route};
use super::source::KeySource;
use crate::key_notation::{Atom, KeyNotation, KeyNotationError};

/// Reads a key from its notation: `ip`, `header:x-api-key | ip`, `ip + header:x-tenant`.
///
/// ```
/// let source = limiter_core::key::parse_source("header:x-api-key | ip")?;
/// assert_eq!(source.describe(), "header:x-api-key | ip");
/// # Ok::<(), limiter_core::key::KeyError>(())
/// ```
///
/// # Errors
///
/// When a part is empty, unknown, or not a header name.
pub fn parse_source(text: &str) -> Result<Arc<dyn KeySource>, KeyError> {
    let notation = KeyNotation::parse(text)?;
    let mut alternatives = Vec::new();
    for parts in notation.alternatives() {
        let sources = parts.iter().map(atom).collect::<Result<Vec<_>, _>>()?;
        alternatives.push(one_or(sources, |sources| Arc::new(Composite::new(sources))));
    }
    Ok(one_or(alternatives, |sources| Arc::new(Fallback::new(sources))))
}

fn atom(atom: &Atom) -> Result<Arc<dyn KeySource>, KeyError> {
    Ok(match atom {
        Atom::Cookie(name) => Arc::new(Cookie::new(name)),
        Atom::Global => Arc::new(Global),
        Atom::Header(name) => {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| KeyError::Header(name.clone()))?;
            Arc::new(Header::new(name))
        }
        Atom::Host => Arc::new(Host),
        Atom::Ip => Arc::new(Ip::new()),
        Atom::IpPrefix(bits) => Arc::new(Ip::prefix(*bits)),
        Atom::Method => Arc::new(Method),
        Atom::Path(name) => Arc::new(Path::new(name)),
        Atom::Peer => Arc::new(PeerAddress),
        Atom::Query(name) => Arc::new(Query::new(name)),
        Atom::Route => Arc::new(Route),
    })
}

fn one_or(
    mut sources: Vec<Arc<dyn KeySource>>,
    several: impl FnOnce(Vec<Arc<dyn KeySource>>) -> Arc<dyn KeySource>,
) -> Arc<dyn KeySource> {
    match sources.pop() {
        Some(only) if sources.is_empty() => only,
        Some(last) => {
            sources.push(last);
            several(sources)
        }
        None => several(sources),
    }
}

/// A key that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The header's name is not one that HTTP knows.
    Header(String),
    /// The notation is off.
    Notation(KeyNotationError),
}

impl From<KeyNotationError> for KeyError {
    fn from(error: KeyNotationError) -> Self {
        KeyError::Notation(error)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Header(name) => write!(f, "`{name}` is not a header name"),
            KeyError::Notation(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            KeyError::Header(_) => None,
            KeyError::Notation(error) => Some(error),
        }
    }
}
