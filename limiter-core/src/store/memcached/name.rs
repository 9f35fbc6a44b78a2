//! Keys as Memcached has them: of one length whatever callers send, without spaces, and telling
//! nobody who is being limited.
//!
//! A key is the first half of a SHA-256 over everything that tells it apart: the budget in words,
//! the algorithm with its period, and the parts of the caller's key with kinds and lengths. Two keys
//! of callers who try to make them meet do so no sooner than after 2^64 attempts.

use core::fmt::Write;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::algorithm::{Algorithm, Params};
use crate::key::{Key, Part};
use crate::store::Subject;

/// What a store's keys begin with where nothing else is said.
pub(super) const NAMESPACE: &str = "limiter";
/// The longest namespace: the rest of a key has room beside it.
const LONGEST_NAMESPACE: usize = 64;

/// A key at the server.
#[derive(Clone, Debug)]
pub(super) struct Name {
    digest: u128,
    text: String,
}

impl Name {
    pub(super) fn new(namespace: &str, subject: &Subject, params: &Params) -> Self {
        let mut hash = Sha256::new();
        hash.update([letter(params.algorithm())]);
        hash.update(params.period().to_be_bytes());
        hash.update(params.offset().map_or(i64::MIN, i64::from).to_be_bytes());
        match subject {
            Subject::Local(number) => field(&mut hash, b'#', &number.to_be_bytes()),
            Subject::Named(named) => {
                field(&mut hash, b'=', named.budget().as_bytes());
                write_key(&mut hash, named.key());
            }
        }
        Self::finish(namespace, char::from(letter(params.algorithm())).encode_utf8(&mut [0; 4]), hash)
    }

    /// The key of something that is not a limit.
    pub(super) fn of_text(namespace: &str, kind: &str, text: &str) -> Self {
        let mut hash = Sha256::new();
        field(&mut hash, b'"', text.as_bytes());
        Self::finish(namespace, kind, hash)
    }

    fn finish(namespace: &str, kind: &str, hash: Sha256) -> Self {
        let half = hash.finalize().first_chunk::<16>().copied().unwrap_or_default();
        let digest = u128::from_be_bytes(half);
        let mut text = String::with_capacity(namespace.len() + 64);
        // Writing to a string does not fail.
        let _ = write!(text, "{namespace}:{kind}:{digest:032x}");
        Name { digest, text }
    }

    pub(super) fn digest(&self) -> u128 {
        self.digest
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The key of a part, such as one window of many.
    pub(super) fn part(&self, number: u64) -> String {
        format!("{}:{number}", self.text)
    }
}

/// Whether keys can begin with this.
pub(super) fn is_namespace(text: &str) -> bool {
    (1..=LONGEST_NAMESPACE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn letter(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Bucket => b'b',
        Algorithm::Concurrent => b'c',
        Algorithm::Fixed => b'f',
        Algorithm::Interval => b'i',
        Algorithm::Log => b'l',
        Algorithm::Sliding => b's',
    }
}

fn write_key(hash: &mut Sha256, key: &Key) {
    for part in key.parts() {
        match part {
            Part::Alternative(which) => field(hash, b'a', &which.to_be_bytes()),
            Part::Everyone => field(hash, b'e', &[]),
            Part::Ip(ip) => {
                hash.update([ip.prefix_len()]);
                match ip.network() {
                    IpAddr::V4(v4) => field(hash, b'4', &v4.octets()),
                    IpAddr::V6(v6) => field(hash, b'6', &v6.octets()),
                }
            }
            Part::Number(number) => field(hash, b'n', &number.to_be_bytes()),
            Part::Secret(secret) => field(hash, b's', &secret.bits().to_be_bytes()),
            Part::Text(text) => field(hash, b't', text.as_bytes()),
            Part::Unknown => field(hash, b'u', &[]),
        }
    }
}

/// Kind and length go first, so that no field runs into the next.
fn field(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(identity: &str, key: Key) -> Name {
        let params = Params::new(Algorithm::Fixed, "5/10s".parse().unwrap()).unwrap();
        Name::new(NAMESPACE, &Subject::named(identity, key), &params)
    }

    #[test]
    fn a_key_fits_whatever_callers_send() {
        for text in ["", "a b\r\nflush_all\r\n", &"k".repeat(251), &"\u{1F600}".repeat(10_000)] {
            let name = name("policy api", Key::from(text));
            let key = name.part(u64::MAX);
            assert!(key.len() <= 250 && key.bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
        }
        assert!(is_namespace(&"n".repeat(LONGEST_NAMESPACE)));
        assert!(!is_namespace("") && !is_namespace("a b") && !is_namespace(&"n".repeat(LONGEST_NAMESPACE + 1)));
    }

    #[test]
    fn long_keys_that_begin_alike_are_apart() {
        let begin = "k".repeat(250);
        let (one, other) = (name("p", Key::from(format!("{begin}1"))), name("p", Key::from(format!("{begin}2"))));
        assert_ne!(one.text(), other.text());
    }

    #[test]
    fn what_tells_keys_apart_tells_names_apart() {
        let keys = [
            ("p", Key::from("ab")),
            ("pa", Key::from("b")),
            ("p", Key::from(("a", "b"))),
            ("p", Key::from(("ab", ""))),
            ("p", Key::everyone()),
            ("p", Key::from(Part::Unknown)),
            ("p", Key::from(7u64)),
            ("p", Key::from("7")),
            ("p", Key::from(IpAddr::from([0, 0, 0, 7]))),
        ];
        let names: std::collections::HashSet<u128> = keys.map(|(p, key)| name(p, key).digest()).into();
        assert_eq!(names.len(), 9);
    }

    #[test]
    fn a_name_is_the_same_in_every_process() {
        assert_eq!(name("policy api", Key::from("alice")).text(), "limiter:f:4d1f1ced6f63a1f8f90fdae538328004");
    }
}
