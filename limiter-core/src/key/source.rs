//! Where keys come from: the trait, and what a source may look at.

use core::cell::OnceCell;
use core::fmt;
use std::borrow::Cow;

use http::request::Parts;

use super::client_ip::{ClientIp, Peer, ResolveError, Resolved};
use super::key_value::Key;
use crate::store::BoxFuture;

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

    /// Says who the client is, where that was found out before.
    #[must_use]
    pub fn with_client(self, client: Result<Resolved, ResolveError>) -> Self {
        let _: Result<(), _> = self.client.set(client);
        self
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
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extracted {
    /// A key.
    Key(Key),
    /// A key that takes time to find, such as one that is looked up. The request waits for it.
    Later(Later),
    /// The request does not have what the source looks for; the rule's [`Missing`] decides.
    Missing,
}

/// A key that is on its way: [`Extracted::Later`]. It resolves to a key or to nothing; a further
/// `Later` is awaited in turn.
pub struct Later(BoxFuture<Extracted>);

impl Later {
    /// Wraps the search for a key.
    #[must_use]
    pub fn new(search: impl Future<Output = Extracted> + Send + 'static) -> Self {
        Later(Box::pin(search))
    }

    /// Waits for the key; `None` if there is none.
    pub(crate) async fn found(self) -> Option<Key> {
        let mut search = self;
        loop {
            match search.0.await {
                Extracted::Key(key) => return Some(key),
                Extracted::Later(next) => search = next,
                Extracted::Missing => return None,
            }
        }
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

/// Two searches are never known to find the same.
impl PartialEq for Later {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Later {}

impl Extracted {
    /// The key, waited for if need be; `None` if there is none.
    pub(crate) async fn found(self) -> Option<Key> {
        match self {
            Extracted::Key(key) => Some(key),
            Extracted::Later(later) => later.found().await,
            Extracted::Missing => None,
        }
    }
}

impl From<Option<Key>> for Extracted {
    fn from(key: Option<Key>) -> Self {
        key.map_or(Extracted::Missing, Extracted::Key)
    }
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

    /// Whether the key holds what must not be kept as it is, and is kept as a keyed hash.
    fn is_secret(&self) -> bool {
        false
    }

    /// Whether the key is the client's address.
    fn is_client_address(&self) -> bool {
        false
    }

    /// The key in so few words that it is read from less than a whole request, if it can be.
    #[doc(hidden)]
    fn plain(&self) -> Option<Plain> {
        None
    }
}

/// A key that takes no source to read it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plain {
    /// The client's address; IPv6 by so many bits, or by as many as the client-address policy says.
    Client(Option<u8>),
    /// Everybody together.
    Everyone,
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
#[diagnostic::on_unimplemented(
    message = "a key function cannot return `{Self}`",
    label = "its result does not convert into a key",
    note = "accepted: texts, numbers, addresses, tuples of them, and an `Option` of any; \
            the function is not `async`, and `Option` says that the key may be missing"
)]
pub trait IntoKey {
    /// Converts.
    fn into_key(self) -> Extracted;
}

#[diagnostic::do_not_recommend]
impl<K: Into<Key>> IntoKey for K {
    fn into_key(self) -> Extracted {
        Extracted::Key(self.into())
    }
}

#[diagnostic::do_not_recommend]
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

/// A key that a user's async function finds: looked up, fetched, verified.
///
/// The function reads what it needs from the head of the request at once; the search itself owns
/// what it works with. A named function says so in its type: `-> impl Future<Output = ..> + Send + use<>`.
///
/// ```
/// use limiter_core::Rule;
/// use limiter_core::key::AsyncKey;
///
/// let by_account = AsyncKey::new(|parts: &http::request::Parts| {
///     let token = parts.headers.get("authorization").cloned();
///     async move {
///         let _token = token?;
///         Some(7u64) // from a database, say
///     }
/// });
/// let rule = Rule::new("100/min".parse()?).key(by_account);
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
pub struct AsyncKey<F>(F);

impl<F, S, K> AsyncKey<F>
where
    F: Fn(&Parts) -> S + Send + Sync + 'static,
    S: Future<Output = K> + Send + 'static,
    K: IntoKey,
{
    /// Keys by what `search` finds.
    #[must_use]
    pub fn new(search: F) -> Self {
        AsyncKey(search)
    }
}

impl<F, S, K> KeySource for AsyncKey<F>
where
    F: Fn(&Parts) -> S + Send + Sync + 'static,
    S: Future<Output = K> + Send + 'static,
    K: IntoKey,
{
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        let search = (self.0)(request.parts());
        Extracted::Later(Later::new(async move { search.await.into_key() }))
    }

    fn describe(&self) -> String {
        "async fn".to_owned()
    }
}

impl<F> fmt::Debug for AsyncKey<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncKey")
    }
}
