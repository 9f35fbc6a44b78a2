//! Names of keys at stores that several processes share: every process makes the same of the same.
//!
//! A name says who is meant as far as people may read it: addresses, numbers and short plain texts
//! as they are, other texts as a hash of 128 bits, secrets as the keyed hash that the fleet's secret
//! makes of them. Kinds are marked, so no text looks like a number or like several parts.

use core::fmt::Write;
use core::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::key::{self, Key, Part};

/// A key that holds a secret, and no secret of the fleet's to hash it under.
#[derive(Debug)]
pub(crate) struct NoFleetSecret;

impl core::fmt::Display for NoFleetSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a key holds a secret, and the fleet has none to hash it under; set `fleet_secret`")
    }
}

impl std::error::Error for NoFleetSecret {}

/// Longer names are hashed: they go over the wire with every decision.
const LONGEST: usize = 96;

/// Who is meant, in a text that needs no escaping.
pub(crate) fn principal(key: &Key) -> Result<String, NoFleetSecret> {
    let mut name = String::new();
    write_principal(&mut name, key)?;
    Ok(name)
}

/// The same, at the end of a text.
pub(crate) fn write_principal(name: &mut String, key: &Key) -> Result<(), NoFleetSecret> {
    let start = name.len();
    for (at, part) in key.parts().iter().enumerate() {
        if at > 0 {
            name.push(',');
        }
        // Writing to a string does not fail.
        let _ = match part {
            Part::Alternative(which) => write!(name, "or={which}"),
            Part::Everyone => write!(name, "everyone"),
            Part::Ip(ip) => write!(name, "ip={ip}"),
            Part::Number(number) => {
                name.push_str("n=");
                write_decimal(name, *number);
                Ok(())
            }
            Part::Secret(_) if !key::has_fleet_secret() => return Err(NoFleetSecret),
            Part::Secret(secret) => write!(name, "s={:032x}", secret.bits()),
            Part::Text(text) if is_plain(text) => {
                name.extend(["t=", text]);
                Ok(())
            }
            Part::Text(text) => write!(name, "h={:032x}", digest(text.as_bytes())),
            Part::Unknown => write!(name, "unknown"),
        };
    }
    if let Some(long) = name.get(start..).filter(|written| written.len() > LONGEST) {
        let digest = digest(long.as_bytes());
        name.truncate(start);
        let _ = write!(name, "k={digest:032x}");
    }
    Ok(())
}

/// A number in digits: what formatting would write, for less.
pub(crate) fn write_decimal(to: &mut String, number: impl itoa::Integer) {
    to.push_str(itoa::Buffer::new().format(number));
}

/// A hash of 128 bits that is the same in every process and every release.
pub(crate) fn digest(bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish128().as_u128()
}

fn is_plain(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_name() {
        let keys = [
            Key::from("7"),
            Key::from(7u64),
            Key::from(("7", "7")),
            Key::from("7,t=7"),
            Key::from(""),
            Key::everyone(),
            Key::from("everyone"),
            Key::from(Part::Unknown),
            Key::from("a}b"),
            Key::from("x".repeat(500)),
            Key::from("203.0.113.7"),
            Key::from(std::net::IpAddr::from([203, 0, 113, 7])),
        ];
        let mut names: Vec<String> = keys.iter().map(|key| principal(key).unwrap()).collect();
        assert!(names.iter().all(|name| name.len() <= LONGEST && !name.contains(['{', '}', ' '])), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
    }

    #[test]
    fn names_are_the_same_in_every_process() {
        assert_eq!(principal(&Key::from(("acme", 7u64))).unwrap(), "t=acme,n=7");
        assert_eq!(digest(b"limiter"), 278_252_885_301_719_908_449_914_941_071_104_241_851);
    }
}
