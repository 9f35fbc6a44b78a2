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
    /// `cookie:NAME`: the value of a cookie.
    Cookie(String),
    /// `global`: one budget for everybody.
    Global,
    /// `header:NAME`: the value of a header, lower case.
    Header(String),
    /// `host`: the host that the request names.
    Host,
    /// `ip`: the client's address; IPv6 by the prefix that the limiter is configured for.
    Ip,
    /// `ip/BITS`: the client's address; IPv6 by its first bits, 32 to 128.
    IpPrefix(u8),
    /// `method`: the request's method.
    Method,
    /// `path:NAME`: a parameter of the route's path.
    Path(String),
    /// `peer`: the address at the other end of the connection, whoever it speaks for.
    Peer,
    /// `query:NAME`: a parameter of the query.
    Query(String),
    /// `route`: the route's path as declared, such as `/users/{id}`.
    Route,
}

impl Atom {
    /// Whether callers can choose this key freely.
    #[must_use]
    pub fn is_caller_chosen(&self) -> bool {
        matches!(self, Atom::Cookie(_) | Atom::Header(_) | Atom::Host | Atom::Query(_))
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
    /// assert_eq!(
    ///     error.to_string(),
    ///     "unknown key `ipp`; did you mean `ip`? accepted: ip, ip/48, peer, global, header:NAME, cookie:NAME, \
    ///      path:NAME, query:NAME, route, method, host, combined with `+` and `|`",
    /// );
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
        matches!(self.alternatives.as_slice(), [only] if matches!(only.as_slice(), [Atom::Ip | Atom::IpPrefix(_)]))
    }
}

fn atom(part: &str, whole: &str) -> Result<Atom, KeyNotationError> {
    let fail = |kind| Err(KeyNotationError::new(part, whole, kind));
    match part {
        "" => return fail(Kind::Empty),
        "global" => return Ok(Atom::Global),
        "host" => return Ok(Atom::Host),
        "ip" => return Ok(Atom::Ip),
        "method" => return Ok(Atom::Method),
        "peer" => return Ok(Atom::Peer),
        "route" => return Ok(Atom::Route),
        _ => {}
    }
    if let Some(bits) = part.strip_prefix("ip/") {
        return match bits.parse() {
            Ok(bits @ 32..=128) => Ok(Atom::IpPrefix(bits)),
            _ => fail(Kind::Prefix),
        };
    }
    match part.split_once(':') {
        Some(("cookie", name)) if is_token(name) => Ok(Atom::Cookie(name.to_string())),
        Some(("header", name)) if is_token(name) => Ok(Atom::Header(name.to_ascii_lowercase())),
        Some(("path", name)) if is_plain(name) => Ok(Atom::Path(name.to_string())),
        Some(("query", name)) if is_plain(name) => Ok(Atom::Query(name.to_string())),
        Some(("header" | "cookie", _)) => fail(Kind::FieldName),
        Some(("path" | "query", _)) => fail(Kind::ParameterName),
        _ => fail(Kind::Unknown),
    }
}

/// The name of a parameter: anything that needs no escape.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
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
    FieldName,
    ParameterName,
    Prefix,
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

const ACCEPTED: &str = "accepted: ip, ip/48, peer, global, header:NAME, cookie:NAME, path:NAME, query:NAME, route, \
                        method, host, combined with `+` and `|`";

impl fmt::Display for KeyNotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fragment = &self.fragment;
        match self.kind {
            Kind::Empty => write!(f, "empty key part at byte {}; {ACCEPTED}", self.offset),
            Kind::FieldName => write!(
                f,
                "`{fragment}` does not name a header or cookie; accepted: a field name, such as `header:x-api-key`"
            ),
            Kind::ParameterName => write!(
                f,
                "`{fragment}` does not name a parameter; accepted: letters, digits, `_`, `-` and `.`, such as `path:tenant`"
            ),
            Kind::Prefix => write!(f, "`{fragment}` is not a prefix of IPv6 addresses; accepted: `ip/32` to `ip/128`"),
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

/// What people write elsewhere for the same thing, or nearly so.
fn meant(fragment: &str) -> Option<&'static str> {
    let lower = fragment.to_ascii_lowercase();
    Some(match lower.as_str() {
        "ipp" | "ip_addr" | "ipaddr" | "ip address" | "client_ip" | "client-ip" | "remote_addr" | "addr" | "ip" => "ip",
        "all" | "everyone" | "everybody" | "none" | "any" | "shared" | "global" => "global",
        "api_key" | "api-key" | "apikey" | "x-api-key" | "header" | "header=x-api-key" => "header:x-api-key",
        "peer_ip" | "peer-ip" | "socket" | "peer" => "peer",
        "param" | "path" | "path_param" => "path:NAME",
        "query" => "query:NAME",
        "cookie" | "session" => "cookie:NAME",
        "matched_path" | "matchedpath" | "endpoint" | "route" => "route",
        "verb" | "method" => "method",
        "host" | "hostname" | "authority" => "host",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn parts_combine_before_alternatives() {
        let key = KeyNotation::parse(" ip/48 + path:tenant |cookie:sid| global ").unwrap();
        assert_eq!(
            key.alternatives(),
            [
                vec![Atom::IpPrefix(48), Atom::Path("tenant".into())],
                vec![Atom::Cookie("sid".into())],
                vec![Atom::Global]
            ]
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, offset, message) in [
            ("", 0, "empty key part at byte 0"),
            ("ip |", 4, "empty key part at byte 4"),
            ("ip + ip", 0, "key part `ip` is repeated"),
            ("ip | ip", 0, "key part `ip` is repeated"),
            ("ip/8", 0, "accepted: `ip/32` to `ip/128`"),
            ("header:", 0, "accepted: a field name"),
            ("header:x api", 0, "accepted: a field name"),
            ("path:{id}", 0, "accepted: letters, digits"),
            ("IP", 0, "did you mean `ip`?"),
            ("ip + user", 5, "unknown key `user`; accepted: ip, ip/48"),
        ] {
            let error = KeyNotation::parse(text).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            if !message.contains("repeated") {
                assert_eq!(error.offset(), offset, "{text}");
            }
        }
    }

    #[test]
    fn keys_that_callers_choose_are_known() {
        for chosen in ["header:x", "cookie:x", "query:x", "host", "ip + header:x", "header:x | ip"] {
            assert!(KeyNotation::parse(chosen).unwrap().is_caller_chosen(), "{chosen}");
        }
        for given in ["ip", "ip/48", "peer", "global", "route", "method", "path:x", "ip + path:x"] {
            assert!(!KeyNotation::parse(given).unwrap().is_caller_chosen(), "{given}");
        }
        assert!(KeyNotation::parse("ip/48").unwrap().is_client_address());
        assert!(!KeyNotation::parse("ip + route").unwrap().is_client_address());
    }
}
