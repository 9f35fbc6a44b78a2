//! Where keys come from: the trait, and what a source may look at.

use core::cell::OnceCell;
use core::fmt;
use std::borrow::Cow;

use http::request::Parts;

use super::client_ip::{ClientIp, Peer, ResolveError, Resolved};
use super::key_value::Key;

/// What a key source may look at: the head of a request, who is at the other end of the
/// connection, and who that makes the client. The client address is worked out once a request.
pub struct KeyContext<'a> {
    parts: &'a Parts,
    peer: Peer,
    policy: &'a ClientIp,
    route: Option<&'a dyn RouteInfo>,
    client: OnceCell<Result<Resolved, ResolveError>>,
}

/// What a router knows of the route that a request took.
pub trait RouteInfo {
    /// The path as declared, such as `/users/{id}`.
    fn pattern(&self) -> Option<&str>;
    /// The value of a path parameter, decoded.
    fn parameter(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl<'a> KeyContext<'a> {
    /// Puts the pieces together.
    #[must_use]
    pub fn new(parts: &'a Parts, peer: Peer, policy: &'a ClientIp) -> Self {
        KeyContext { parts, peer, policy, route: None, client: OnceCell::new() }
    }

    /// Adds what the router knows.
    #[must_use]
    pub fn with_route(mut self, route: &'a dyn RouteInfo) -> Self {
        self.route = Some(route);
        self
    }

    /// What the router knows, if there is one.
    #[must_use]
    pub fn route(&self) -> Option<&'a dyn RouteInfo> {
        self.route
    }

    /// The head of the request.
    #[must_use]
    pub fn parts(&self) -> &'a Parts {
        self.parts
    }

    /// The other end of the connection.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// How many bits of an IPv6 address make its key.
    #[must_use]
    pub fn ipv6_prefix(&self) -> u8 {
        self.policy.ipv6_prefix()
    }

    /// Why there is no client, if one was asked for.
    pub(crate) fn client_error(&self) -> Option<ResolveError> {
        self.client.get().and_then(|client| client.err())
    }

    /// The client, as far as proxies that we trust vouch for it.
    ///
    /// # Errors
    ///
    /// When there is no address to start from.
    pub fn client(&self) -> Result<Resolved, ResolveError> {
        *self.client.get_or_init(|| self.policy.resolve(self.peer, &self.parts.headers))
    }
}

impl fmt::Debug for KeyContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyContext").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// What a source found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extracted {
    /// A key.
    Key(Key),
    /// The request does not have what the source looks for; the rule's [`Missing`] decides.
    Missing,
}

/// Reads a key from the head of a request.
///
/// Implemented by functions `Fn(&http::request::Parts) -> K` where `K` converts into a key; an
/// `Option` makes a part that may be missing.
pub trait KeySource: Send + Sync + 'static {
    /// Reads the key.
    fn key(&self, request: &KeyContext<'_>) -> Extracted;

    /// The source in configuration's words, such as `ip` or `header:x-api-key`.
    fn describe(&self) -> String;

    /// Whether callers can choose this key freely, so that rotating it would get around the limit.
    fn is_caller_chosen(&self) -> bool {
        false
    }

    /// Whether the key tells clients apart (as opposed to one budget for everybody).
    fn is_per_client(&self) -> bool {
        true
    }

    /// Whether the key is the client's address.
    fn is_client_address(&self) -> bool {
        false
    }
}

/// What happens to a request that lacks the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// It is refused.
    Refuse,
    /// All requests without the key share one budget, and a warning says so once.
    #[default]
    Shared,
    /// The rule does not apply.
    Skip,
}

/// What a user's key function may return: anything that converts into a [`Key`], or an `Option` of it.
pub trait IntoKey {
    /// Converts.
    fn into_key(self) -> Extracted;
}

impl<K: Into<Key>> IntoKey for K {
    fn into_key(self) -> Extracted {
        Extracted::Key(self.into())
    }
}

impl<K: Into<Key>> IntoKey for Option<K> {
    fn into_key(self) -> Extracted {
        self.map_or(Extracted::Missing, |key| Extracted::Key(key.into()))
    }
}

impl<F, K> KeySource for F
where
    F: Fn(&Parts) -> K + Send + Sync + 'static,
    K: IntoKey,
{
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        self(request.parts()).into_key()
    }

    fn describe(&self) -> String {
        "fn".to_owned()
    }
}
