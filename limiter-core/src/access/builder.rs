//! Collects a list; everything is checked before it is used.

use core::fmt;
use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{AccessList, DeniedKeys, Lists, Refusal};
use crate::key::{AddressError, AddressSet, Key, KeyError, KeySource, Part, parse_source};
use crate::key_notation::{Atom, KeyNotation};

/// Collects an [`AccessList`]. The first mistake is kept and comes out of [`build`](Self::build).
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct AccessBuilder {
    exempt: Vec<String>,
    deny: Vec<String>,
    keys: Vec<DeniedKeys>,
    refusal: Refusal,
    mistake: Option<AccessError>,
}

impl AccessBuilder {
    /// Clients that are not limited: addresses and CIDRs. Their answers carry no fields.
    pub fn exempt<I>(mut self, networks: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.exempt.extend(networks.into_iter().map(|text| text.as_ref().to_owned()));
        self
    }

    /// Clients that never get in: addresses and CIDRs.
    pub fn deny<I>(mut self, networks: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.deny.extend(networks.into_iter().map(|text| text.as_ref().to_owned()));
        self
    }

    /// Requests that never get in, by the texts that a key has, such as `header:x-api-key`. The
    /// notation names one source; for addresses there is [`deny`](Self::deny).
    pub fn deny_by<I>(mut self, notation: &str, texts: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match one_source(notation) {
            Ok(source) => {
                // Sources of what may be a secret give hashes, the others texts.
                let both = |text: I::Item| {
                    let text = text.as_ref();
                    [Key::from(Part::secret(text.as_bytes())), Key::from(text)]
                };
                let keys = texts.into_iter().flat_map(both).collect();
                self.keys.push(DeniedKeys { source, keys });
            }
            Err(mistake) => _ = self.mistake.get_or_insert(mistake),
        }
        self
    }

    /// Requests that never get in, by keys of any source.
    pub fn deny_keys<I>(mut self, source: impl KeySource, keys: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Key>,
    {
        let keys: HashSet<Key> = keys.into_iter().map(Into::into).collect();
        self.keys.push(DeniedKeys { source: Arc::new(source), keys });
        self
    }

    /// How those are told who never get in; 403 unless stated.
    pub fn answer(mut self, refusal: Refusal) -> Self {
        self.refusal = refusal;
        self
    }

    /// Checks everything and makes the list.
    ///
    /// # Errors
    ///
    /// When a network says something else than it seems to or holds everybody, or a notation is not
    /// one source of texts.
    pub fn build(self) -> Result<AccessList, AccessError> {
        Ok(AccessList { lists: Arc::new(ArcSwap::from_pointee(self.lists()?)) })
    }

    pub(super) fn lists(self) -> Result<Lists, AccessError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        Ok(Lists {
            exempt: AddressSet::parse(self.exempt).map_err(AccessError::Exempt)?,
            deny: AddressSet::parse(self.deny).map_err(AccessError::Deny)?,
            keys: self.keys,
            refusal: self.refusal,
        })
    }
}

/// Texts fit one source; they would silently meet nothing in a key of several parts or an address.
fn one_source(notation: &str) -> Result<Arc<dyn KeySource>, AccessError> {
    let source = parse_source(notation).map_err(AccessError::Key)?;
    let parsed = KeyNotation::parse(notation).map_err(|error| AccessError::Key(error.into()))?;
    if let [parts] = parsed.alternatives()
        && let [atom] = parts.as_slice()
        && !matches!(atom, Atom::Global | Atom::Ip | Atom::IpPrefix(_) | Atom::Peer)
    {
        return Ok(source);
    }
    Err(AccessError::NotTexts { notation: notation.to_owned() })
}

impl fmt::Debug for AccessBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessBuilder")
            .field("exempt", &self.exempt)
            .field("deny", &self.deny)
            .field("refusal", &self.refusal)
            .field("mistake", &self.mistake)
            .finish_non_exhaustive()
    }
}

/// A list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessError {
    /// A network of clients that never get in.
    Deny(AddressError),
    /// A network of clients that are not limited.
    Exempt(AddressError),
    /// A key notation that does not parse.
    Key(KeyError),
    /// A key notation that is not one source of texts.
    NotTexts {
        /// The notation.
        notation: String,
    },
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessError::Deny(error) => write!(f, "denied network {error}"),
            AccessError::Exempt(error) => write!(f, "exempt network {error}"),
            AccessError::Key(error) => error.fmt(f),
            AccessError::NotTexts { notation } => write!(
                f,
                "key `{notation}` has no plain text to deny by; accepted: one source such as `header:x-api-key` or \
                 `path:tenant`, `deny` for addresses, and `deny_keys` for keys of several parts"
            ),
        }
    }
}

impl std::error::Error for AccessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AccessError::Deny(error) | AccessError::Exempt(error) => Some(error),
            AccessError::Key(error) => Some(error),
            AccessError::NotTexts { .. } => None,
        }
    }
}
