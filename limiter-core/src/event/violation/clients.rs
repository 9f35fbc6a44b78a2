//! How clients are shown in rows: as they are, or so that a row says less about a person.

use std::fmt::{self, Write};
use std::hash::Hasher;
use std::net::IpAddr;

use ipnet::IpNet;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::label::clean;
use crate::key::{Key, Part};

/// How clients are shown in rows.
///
/// ```
/// use limiter_core::event::violation::Clients;
/// use limiter_core::key::Key;
/// use std::net::IpAddr;
///
/// let key = Key::from("192.0.2.7".parse::<IpAddr>()?);
/// assert_eq!(Clients::shown().label(&key), "192.0.2.7");
/// assert_eq!(Clients::truncated(24, 48).label(&key), "192.0.2.0/24");
/// assert!(Clients::hashed(*b"a fleet's secret").label(&key).starts_with("hashed:"));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct Clients(Form);

#[derive(Clone, Default)]
enum Form {
    #[default]
    Shown,
    Truncated {
        v4: u8,
        v6: u8,
    },
    Hashed([u8; 16]),
}

impl Clients {
    /// As text: addresses, users, tenants. Secrets stay hashed.
    #[must_use]
    pub fn shown() -> Self {
        Clients(Form::Shown)
    }

    /// Addresses as networks of at most `v4` and `v6` bits (24 and 48 are usual); the rest as text.
    #[must_use]
    pub fn truncated(v4: u8, v6: u8) -> Self {
        Clients(Form::Truncated { v4: v4.min(32), v6: v6.min(128) })
    }

    /// As a keyed hash. Who has the secret can look a known client up; nobody finds a client from
    /// its hash. Processes with the same secret show a client in the same way.
    #[must_use]
    pub fn hashed(secret: [u8; 16]) -> Self {
        Clients(Form::Hashed(secret))
    }

    /// A client as rows show it.
    #[must_use]
    pub fn label(&self, client: &Key) -> String {
        match &self.0 {
            Form::Shown => clean(client.reveal()),
            Form::Truncated { v4, v6 } => clean(Truncated { client, v4: *v4, v6: *v6 }),
            Form::Hashed(secret) => {
                let mut hash = Hash(SipHasher24::new_with_key(secret));
                // Nothing that this writes to can refuse.
                let _ = write!(hash, "{}", client.reveal());
                format!("hashed:{:032x}", hash.0.finish128().as_u128())
            }
        }
    }
}

/// The secret stays unseen.
impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Shown => f.write_str("Shown"),
            Form::Truncated { v4, v6 } => write!(f, "Truncated({v4}, {v6})"),
            Form::Hashed(_) => f.write_str("Hashed(..)"),
        }
    }
}

struct Hash(SipHasher24);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

struct Truncated<'a> {
    client: &'a Key,
    v4: u8,
    v6: u8,
}

impl fmt::Display for Truncated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.client.parts().iter().filter(|part| !matches!(part, Part::Alternative(_)));
        for (at, part) in shown.enumerate() {
            if at > 0 {
                f.write_str(" + ")?;
            }
            match part {
                Part::Ip(ip) => {
                    let most = if matches!(ip.network(), IpAddr::V4(_)) { self.v4 } else { self.v6 };
                    match IpNet::new(ip.network(), ip.prefix_len().min(most)) {
                        Ok(network) => write!(f, "{}", network.trunc())?,
                        Err(_) => f.write_str("unknown")?,
                    }
                }
                other => write!(f, "{}", Key::from(other.clone()).reveal())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Key {
        Key::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn truncated_addresses_of_one_network_look_alike() {
        let clients = Clients::truncated(24, 48);
        assert_eq!(clients.label(&address("198.51.100.9")), "198.51.100.0/24");
        assert_eq!(clients.label(&address("2001:db8:1:2::7")), "2001:db8:1::/48");
        assert_eq!(clients.label(&address("198.51.100.9").and("acme".into())), "198.51.100.0/24 + acme");
        assert_eq!(Clients::truncated(200, 200).label(&address("2001:db8::7")), "2001:db8::/64");
    }

    #[test]
    fn a_hash_is_the_same_everywhere_and_tells_nothing_without_the_secret() {
        let (one, other) = (Clients::hashed([1; 16]), Clients::hashed([2; 16]));
        let key = address("198.51.100.9");
        assert_eq!(one.label(&key), Clients::hashed([1; 16]).label(&key));
        assert_ne!(one.label(&key), other.label(&key));
        assert_ne!(one.label(&key), one.label(&address("198.51.100.8")));
        assert!(!one.label(&key).contains("198") && !format!("{one:?}").contains('1'));
    }
}
