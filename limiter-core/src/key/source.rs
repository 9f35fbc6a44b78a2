//! Where keys come from: sources that read the head of a request.

use core::cell::OnceCell;
use core::fmt;
use std::sync::Arc;

use http::header::HeaderName;
use http::request::Parts;

use super::client_ip::{ClientIp, Peer, ResolveError, Resolved};
use super::key_value::{Key, Part};

/// What a key source may look at: the head of a request, who is at the other end of the
/// connection, and who that makes the client. The client address is worked out once a request.
pub struct KeyContext<'a> {
    parts: &'a Parts,
    peer: Peer,
    policy: &'a ClientIp,
    client: OnceCell<Result<Resolved, ResolveError>>,
}

impl<'a> KeyContext<'a> {
    /// Puts the pieces together.
    #[must_use]
    pub fn new(parts: &'a Parts, peer: Peer, policy: &'a ClientIp) -> Self {
        KeyContext { parts, peer, policy, client: OnceCell::new() }
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

/// The client's address; IPv6 by its network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ip;

impl KeySource for Ip {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        match request.client() {
            Ok(resolved) => Extracted::Key(resolved.key().into()),
            Err(_) => Extracted::Missing,
        }
    }

    fn describe(&self) -> String {
        "ip".to_owned()
    }

    fn is_client_address(&self) -> bool {
        true
    }
}

/// One budget for everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Global;

impl KeySource for Global {
    fn key(&self, _: &KeyContext<'_>) -> Extracted {
        Extracted::Key(Key::everyone())
    }

    fn describe(&self) -> String {
        "global".to_owned()
    }

    fn is_per_client(&self) -> bool {
        false
    }
}

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
        match request.parts().headers.get_all(&self.0).iter().next_back() {
            Some(value) if !value.is_empty() => Extracted::Key(Part::Value(value.clone()).into()),
            _ => Extracted::Missing,
        }
    }

    fn describe(&self) -> String {
        format!("header:{}", self.0)
    }

    fn is_caller_chosen(&self) -> bool {
        true
    }
}

/// The first source that finds a key: `header:x-api-key | ip`.
pub struct Fallback(pub(super) Vec<Arc<dyn KeySource>>);

impl KeySource for Fallback {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        for (i, source) in self.0.iter().enumerate() {
            if let Extracted::Key(key) = source.key(request) {
                // The place in the list is part of the key: a header that spells out an address
                // must not spend that address's budget.
                return Extracted::Key(Key::from(Part::Number(i as u128)).and(key));
            }
        }
        Extracted::Missing
    }

    fn describe(&self) -> String {
        self.0.iter().map(|source| source.describe()).collect::<Vec<_>>().join(" | ")
    }

    fn is_caller_chosen(&self) -> bool {
        self.0.iter().any(|source| source.is_caller_chosen())
    }

    fn is_per_client(&self) -> bool {
        self.0.iter().any(|source| source.is_per_client())
    }
}

/// Several sources together: `ip + header:x-tenant`. Missing if any of them is.
pub struct Composite(pub(super) Vec<Arc<dyn KeySource>>);

impl KeySource for Composite {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        let mut whole = Key::from_parts([]);
        for source in &self.0 {
            match source.key(request) {
                Extracted::Key(key) => whole = whole.and(key),
                Extracted::Missing => return Extracted::Missing,
            }
        }
        Extracted::Key(whole)
    }

    fn describe(&self) -> String {
        self.0.iter().map(|source| source.describe()).collect::<Vec<_>>().join(" + ")
    }

    fn is_caller_chosen(&self) -> bool {
        self.0.iter().any(|source| source.is_caller_chosen())
    }

    fn is_per_client(&self) -> bool {
        self.0.iter().any(|source| source.is_per_client())
    }
}

/// What a user's key function may return: anything that converts into a [`Key`], or an `Option` of it.
#[diagnostic::on_unimplemented(
    message = "a key function cannot return `{Self}`",
    label = "its result does not convert into a key",
    note = "accepted: texts, numbers, addresses, header values, tuples of them, and an `Option` of any; \
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
