//! The notation of keys: `ip`, `header:x-api-key | ip`, `ip + header:x-tenant`.
//!
//! Syntax alone, without dependencies: the attribute checks it when it is compiled, configuration
//! when it is read, both with this parser.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// One source of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Atom {
    /// `global`: one budget for everybody.
    Global,
    /// `header:NAME`: the value of a header, lower case.
    Header(String),
    /// `ip`: the client's address.
    Ip,
}

impl Atom {
    /// Whether callers can choose this key freely.
    #[must_use]
    pub fn is_caller_chosen(&self) -> bool {
        matches!(self, Atom::Header(_))
    }
}

/// A parsed key: alternatives, the first that a request has wins; each a list of parts that count together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNotation {
    alternatives: Vec<Vec<Atom>>,
}

impl KeyNotation {
    /// Parses a key.
    ///
    /// ```
    /// use limiter_core::key_notation::{Atom, KeyNotation};
    ///
    /// let key = KeyNotation::parse("header:X-Api-Key | ip").unwrap();
    /// assert_eq!(key.alternatives()[0], [Atom::Header("x-api-key".into())]);
    /// assert!(key.is_caller_chosen());
    /// let error = KeyNotation::parse("ipp").unwrap_err();
    /// assert_eq!(error.to_string(), "unknown key `ipp`; did you mean `ip`? accepted: ip, global, header:NAME, combined with `+` and `|`");
    /// ```
    ///
    /// # Errors
    ///
    /// When a part is empty, unknown, or not a header name.
    pub fn parse(text: &str) -> Result<Self, KeyNotationError> {
        let mut alternatives = Vec::new();
        for alternative in text.split('|') {
            let mut parts = Vec::new();
            for part in alternative.split('+') {
                let atom = atom(part.trim(), text)?;
                if parts.contains(&atom) {
                    return Err(KeyNotationError::new(part.trim(), text, Kind::Repeated));
                }
                parts.push(atom);
            }
            if alternatives.contains(&parts) {
                return Err(KeyNotationError::new(alternative.trim(), text, Kind::Repeated));
            }
            alternatives.push(parts);
        }
        Ok(KeyNotation { alternatives })
    }

    /// The alternatives, each a list of parts.
    #[must_use]
    pub fn alternatives(&self) -> &[Vec<Atom>] {
        &self.alternatives
    }

    /// Whether callers can choose this key freely, so that rotating it would get around a limit.
    #[must_use]
    pub fn is_caller_chosen(&self) -> bool {
        self.alternatives.iter().flatten().any(Atom::is_caller_chosen)
    }

    /// Whether the key is the client's address and nothing else.
    #[must_use]
    pub fn is_client_address(&self) -> bool {
        self.alternatives == [[Atom::Ip]]
    }
}

fn atom(part: &str, whole: &str) -> Result<Atom, KeyNotationError> {
    match part {
        "" => return Err(KeyNotationError::new(part, whole, Kind::Empty)),
        "ip" => return Ok(Atom::Ip),
        "global" => return Ok(Atom::Global),
        _ => {}
    }
    match part.split_once(':') {
        Some(("header", name)) if is_token(name) => Ok(Atom::Header(name.to_ascii_lowercase())),
        Some(("header", _)) => Err(KeyNotationError::new(part, whole, Kind::HeaderName)),
        _ => Err(KeyNotationError::new(part, whole, Kind::Unknown)),
    }
}

/// A field name by RFC 9110, section 5.1.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A key that could not be read: what is wrong and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNotationError {
    fragment: String,
    offset: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Empty,
    HeaderName,
    Repeated,
    Unknown,
}

impl KeyNotationError {
    fn new(fragment: &str, whole: &str, kind: Kind) -> Self {
        let offset = (fragment.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        KeyNotationError { fragment: fragment.to_string(), offset, kind }
    }

    /// Byte offset of the offending part.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The offending part.
    #[must_use]
    pub fn fragment(&self) -> &str {
        &self.fragment
    }
}

const ACCEPTED: &str = "accepted: ip, global, header:NAME, combined with `+` and `|`";

impl fmt::Display for KeyNotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fragment = &self.fragment;
        match self.kind {
            Kind::Empty => write!(f, "empty key part at byte {}; {ACCEPTED}", self.offset),
            Kind::HeaderName => write!(
                f,
                "`{fragment}` does not name a header; accepted: `header:` and a field name such as `header:x-api-key`"
            ),
            Kind::Repeated => write!(f, "key part `{fragment}` is repeated; name each part once"),
            Kind::Unknown => {
                write!(f, "unknown key `{fragment}`; ")?;
                if let Some(meant) = meant(fragment) {
                    write!(f, "did you mean `{meant}`? ")?;
                }
                f.write_str(ACCEPTED)
            }
        }
    }
}

impl core::error::Error for KeyNotationError {}

/// What people write elsewhere for the same thing.
fn meant(fragment: &str) -> Option<&'static str> {
    let lower = fragment.to_ascii_lowercase();
    Some(match lower.as_str() {
        "ipp" | "ip_addr" | "ipaddr" | "ip address" | "client_ip" | "client-ip" | "remote_addr" | "addr" | "peer"
        | "ip" => "ip",
        "all" | "everyone" | "everybody" | "none" | "any" | "shared" | "global" => "global",
        "api_key" | "api-key" | "apikey" | "x-api-key" | "header" | "header=x-api-key" => "header:x-api-key",
        _ => return None,
    })
}
