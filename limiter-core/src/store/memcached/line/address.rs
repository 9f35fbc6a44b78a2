//! Where a server is.

use core::fmt;
use core::str::FromStr;

/// `host:port`, or `unix:/path` for a socket of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::memcached) enum Address {
    Tcp(String),
    Unix(String),
}

/// The port of Memcached where none is said.
const PORT: u16 = 11211;

/// A text that is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::memcached) struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let there = cfg!(unix) && path.starts_with('/');
            return if there { Ok(Address::Unix(path.to_owned())) } else { Err(wrong()) };
        }
        let bare = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("memcached://")).unwrap_or(text);
        let named = |host: &str| {
            let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            !inner.is_empty()
                && !inner.contains(['/', '@', '[', ']', ' '])
                && (inner.len() < host.len() || !host.contains(':'))
        };
        if named(bare) {
            return Ok(Address::Tcp(format!("{bare}:{PORT}")));
        }
        match bare.rsplit_once(':') {
            Some((host, port)) if named(host) && port.parse::<u16>().is_ok_and(|port| port > 0) => {
                Ok(Address::Tcp(bare.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(at) => f.write_str(at),
            Address::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no address of a memcached server; accepted: `host`, `host:port`, or `unix:/path` on Unix",
            self.0
        )
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_a_port_or_sockets() {
        for (text, expected) in [
            ("cache", "cache:11211"),
            ("cache.internal:7", "cache.internal:7"),
            ("tcp://10.0.0.1:11212", "10.0.0.1:11212"),
            ("memcached://10.0.0.1", "10.0.0.1:11211"),
            ("[2001:db8::1]:7", "[2001:db8::1]:7"),
            ("[2001:db8::1]", "[2001:db8::1]:11211"),
            ("unix:/run/memcached.sock", "unix:/run/memcached.sock"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_is_accepted() {
        for text in [
            "",
            ":1",
            "cache:",
            "cache:0",
            "cache:65536",
            "a b:1",
            "redis://x/0",
            "2001:db8::1",
            "user@cache:1",
            "unix:relative",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no address")), "{error}");
        }
    }
}
