//! A key: who is being limited.

use core::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::client_ip::IpKey;
use super::secret::Secret;
use crate::few::Few;

/// Who is being limited: typed parts, never a joined string, so that no choice of texts makes two
/// callers look alike.
///
/// `Debug` shows kinds and lengths only; [`Key::reveal`] shows the texts to people who may see them.
///
/// ```
/// use limiter_core::key::Key;
///
/// let key = Key::from(("acme", 7u64));
/// assert_ne!(key, Key::from(("acme7", 0u64)));
/// assert_eq!(format!("{key:?}"), "Key(text[4] + number)");
/// assert_eq!(key.reveal().to_string(), "acme + 7");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    parts: Few<[Part; 2]>,
}

/// One part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Which of several sources the rest comes from.
    Alternative(u32),
    /// Everybody together.
    Everyone,
    /// A client address, or the network that stands for it.
    Ip(IpKey),
    /// A number, such as a user's id.
    Number(u128),
    /// A text that may be a secret, as a keyed hash.
    Secret(Secret),
    /// A text.
    Text(Arc<str>),
    /// The part is missing, and all who miss it share one budget.
    Unknown,
}

impl Part {
    /// A text that may be a secret: kept as a keyed hash alone.
    #[must_use]
    pub fn secret(value: &[u8]) -> Self {
        Part::Secret(Secret::new(value))
    }
}

impl Key {
    /// The key that everybody shares.
    #[must_use]
    pub fn everyone() -> Self {
        Key::from(Part::Everyone)
    }

    /// A key of several parts.
    #[must_use]
    pub fn from_parts(parts: impl IntoIterator<Item = Part>) -> Self {
        Key { parts: parts.into_iter().collect() }
    }

    /// The parts.
    #[must_use]
    #[inline]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Appends the parts of another key.
    #[must_use]
    pub fn and(self, other: Key) -> Self {
        Key::from_parts(self.parts.into_items().into_iter().chain(other.parts.into_items()))
    }

    fn shown(&self) -> impl Iterator<Item = &Part> {
        self.parts().iter().filter(|part| !matches!(part, Part::Alternative(_)))
    }

    /// The texts of the key, for people: violations, explanations. Never for logs by default.
    #[must_use]
    pub fn reveal(&self) -> Revealed<'_> {
        Revealed(self)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(")?;
        for (i, part) in self.shown().enumerate() {
            if i > 0 {
                f.write_str(" + ")?;
            }
            match part {
                Part::Alternative(_) => {}
                Part::Everyone => f.write_str("everyone")?,
                Part::Ip(_) => f.write_str("ip")?,
                Part::Number(_) => f.write_str("number")?,
                Part::Secret(_) => f.write_str("secret")?,
                Part::Text(text) => write!(f, "text[{}]", text.len())?,
                Part::Unknown => f.write_str("unknown")?,
            }
        }
        f.write_str(")")
    }
}

/// Shows the texts of a [`Key`].
#[derive(Debug)]
pub struct Revealed<'a>(&'a Key);

impl fmt::Display for Revealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.shown().enumerate() {
            if i > 0 {
                f.write_str(" + ")?;
            }
            match part {
                Part::Alternative(_) => {}
                Part::Everyone => f.write_str("everyone")?,
                Part::Ip(ip) => write!(f, "{ip}")?,
                Part::Number(number) => write!(f, "{number}")?,
                Part::Secret(secret) => write!(f, "{secret}")?,
                Part::Text(text) => write!(f, "{}", text.escape_debug())?,
                Part::Unknown => f.write_str("unknown")?,
            }
        }
        Ok(())
    }
}

impl From<Part> for Key {
    #[inline]
    fn from(part: Part) -> Self {
        Key { parts: Few::one(part) }
    }
}

/// An IPv6 address stands for its first 64 bits.
impl From<IpAddr> for Key {
    #[inline]
    fn from(ip: IpAddr) -> Self {
        Key::from(Part::Ip(IpKey::new(ip, 64)))
    }
}

impl From<IpKey> for Key {
    #[inline]
    fn from(ip: IpKey) -> Self {
        Key::from(Part::Ip(ip))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key::from(Part::Text(text.into()))
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Key::from(Part::Text(text.into()))
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Self {
        Key::from(Part::Text(text))
    }
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl From<$t> for Key {
            fn from(number: $t) -> Self {
                Key::from(Part::Number(u128::from(number)))
            }
        }
    )*};
}
number!(u8, u16, u32, u64, u128);

impl<A: Into<Key>, B: Into<Key>> From<(A, B)> for Key {
    fn from((a, b): (A, B)) -> Self {
        a.into().and(b.into())
    }
}

impl<A: Into<Key>, B: Into<Key>, C: Into<Key>> From<(A, B, C)> for Key {
    fn from((a, b, c): (A, B, C)) -> Self {
        a.into().and(b.into()).and(c.into())
    }
}
