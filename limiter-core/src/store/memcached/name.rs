//! Keys as Memcached has them: short whatever callers send, without spaces, and telling nobody who is
//! being limited.
//!
//! A key is a hash of 128 bits over everything that tells it apart: the budget in words, the algorithm
//! with its period, and the parts of the caller's key with kinds and lengths. Every process of a fleet
//! makes the same of the same; of `n` keys two meet with a probability of `n * n / 2^129`.
//!
//! The hash is SipHash-2-4 under a key of zeros, except where callers choose more than [`FREE`] bytes of
//! what goes into it: then it is the first half of a SHA-256. So callers who try to make two keys meet
//! have no room to compute them, and succeed no sooner than after 2^64 attempts.

use core::hash::Hasher;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher24};
use smallvec::SmallVec;

use crate::algorithm::{Algorithm, Params};
use crate::key::{Key, Part};
use crate::store::Subject;

/// What a store's keys begin with where nothing else is said.
pub(super) const NAMESPACE: &str = "limiter";
/// The longest namespace: the rest of a key has room beside it.
const LONGEST_NAMESPACE: usize = 64;
/// So many bytes that callers choose are fewer than the state of the faster hash has: there is nothing
/// to be solved for.
const FREE: usize = 16;

/// A key's bytes: in place unless the namespace is a long one.
pub(super) type Text = SmallVec<[u8; 64]>;

/// A key at the server.
#[derive(Clone, Debug)]
pub(super) struct Name {
    digest: u128,
    text: Text,
}

impl Name {
    pub(super) fn new(namespace: &str, subject: &Subject, params: &Params) -> Self {
        Self::of_digest(namespace, params, digest(subject, params))
    }

    /// The same of what is left when a name is put away.
    pub(super) fn of_digest(namespace: &str, params: &Params, digest: u128) -> Self {
        Self::finish(namespace, &[letter(params.algorithm())], digest)
    }

    /// The key of something that is not a limit.
    pub(super) fn of_text(namespace: &str, kind: &str, text: &str) -> Self {
        let mut bytes = Bytes::new();
        field(&mut bytes, b'"', text.as_bytes());
        Self::finish(namespace, kind.as_bytes(), strong(&bytes))
    }

    fn finish(namespace: &str, kind: &[u8], digest: u128) -> Self {
        let mut text = Text::from_slice(namespace.as_bytes());
        text.push(b':');
        text.extend_from_slice(kind);
        let mut last = [b':'; 1 + 2 * LETTERS];
        let (high, low) = last.split_at_mut(1 + LETTERS);
        write(high.get_mut(1..).unwrap_or_default(), (digest >> 64) as u64);
        write(low, digest as u64);
        text.extend_from_slice(&last);
        Name { digest, text }
    }

    pub(super) fn digest(&self) -> u128 {
        self.digest
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The key of a part, such as one window of many.
    pub(super) fn part(&self, number: u64) -> Text {
        self.clone().into_part(number)
    }

    /// The same where the name is not needed any more.
    pub(super) fn into_part(self, number: u64) -> Text {
        let mut text = self.text;
        let used = (u64::BITS - number.leading_zeros()).div_ceil(6).max(1) as usize;
        let mut last = [b':'; 1 + LETTERS];
        write(last.get_mut(1..).unwrap_or_default(), number);
        text.extend_from_slice(last.get(..=used).unwrap_or_default());
        text
    }
}

/// What is hashed: seldom more.
type Bytes = SmallVec<[u8; 128]>;

/// The hash of what all keys of a limit have in common.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Begun {
    shape: Shape,
    hasher: SipHasher24,
}

/// What tells two limits of one budget apart.
type Shape = (Algorithm, u64, Option<i32>);

fn shape(params: &Params) -> Shape {
    (params.algorithm(), params.period(), params.offset())
}

impl Begun {
    pub(in crate::store) fn new(params: &Params, budget: &str) -> Self {
        let mut hasher = SipHasher24::new();
        hasher.write(&beginning(params, budget));
        Begun { shape: shape(params), hasher }
    }
}

/// What tells limits apart.
fn limit(params: &Params) -> Bytes {
    let mut bytes = Bytes::new();
    bytes.push(letter(params.algorithm()));
    bytes.extend_from_slice(&params.period().to_be_bytes());
    bytes.extend_from_slice(&params.offset().map_or(i64::MIN, i64::from).to_be_bytes());
    bytes
}

fn beginning(params: &Params, budget: &str) -> Bytes {
    let mut bytes = limit(params);
    field(&mut bytes, b'=', budget.as_bytes());
    bytes
}

fn digest(subject: &Subject, params: &Params) -> u128 {
    let (mut hasher, named) = match subject {
        Subject::Named(named) => match named.begun() {
            Some(begun) if begun.shape == shape(params) => (begun.hasher, named),
            _ => (Begun::new(params, named.budget()).hasher, named),
        },
        Subject::Local(number) => {
            let mut bytes = limit(params);
            field(&mut bytes, b'#', &number.to_be_bytes());
            let mut hasher = SipHasher24::new();
            hasher.write(&bytes);
            return hasher.finish128().as_u128();
        }
    };
    let mut bytes = Bytes::new();
    if write_key(&mut bytes, named.key()) > FREE {
        bytes.insert_from_slice(0, &beginning(params, named.budget()));
        return strong(&bytes);
    }
    hasher.write(&bytes);
    hasher.finish128().as_u128()
}

fn strong(bytes: &[u8]) -> u128 {
    let half = Sha256::digest(bytes).first_chunk::<16>().copied().unwrap_or_default();
    u128::from_be_bytes(half)
}

/// Letters and digits that a number has.
const LETTERS: usize = 11;

/// Writes a number in letters and digits, six bits each, those that weigh least first.
fn write(places: &mut [u8], mut number: u64) {
    const ALL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for place in places {
        *place = ALL.get(number as usize & 63).copied().unwrap_or(b'-');
        number >>= 6;
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

/// Returns how many of the bytes are as callers want them.
fn write_key(hash: &mut Bytes, key: &Key) -> usize {
    let mut chosen = 0;
    for part in key.parts() {
        chosen += match part {
            Part::Text(text) => text.len(),
            Part::Number(_) => size_of::<u64>(),
            _ => 0,
        };
        match part {
            Part::Alternative(which) => field(hash, b'a', &which.to_be_bytes()),
            Part::Everyone => field(hash, b'e', &[]),
            Part::Ip(ip) => {
                hash.push(ip.prefix_len());
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
    chosen
}

/// Kind and length go first, so that no field runs into the next.
fn field(hash: &mut Bytes, kind: u8, bytes: &[u8]) {
    hash.push(kind);
    hash.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    hash.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::Budget;

    fn name(identity: &str, key: Key) -> Name {
        let params = Params::new(Algorithm::Fixed, "5/10s".parse().unwrap()).unwrap();
        Name::new(NAMESPACE, &Subject::named(identity, key), &params)
    }

    #[test]
    fn a_key_fits_whatever_callers_send() {
        for text in ["", "a b\r\nflush_all\r\n", &"k".repeat(251), &"\u{1F600}".repeat(10_000)] {
            let name = name("policy api", Key::from(text));
            let key = name.part(u64::MAX);
            assert!(key.len() <= 250 && key.iter().all(u8::is_ascii_graphic), "{key:?}");
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
        let text = |key: Key| String::from_utf8(name("policy api", key).part(7).to_vec()).unwrap();
        assert_eq!(text(Key::from("alice")), "limiter:f:Y-MBbEvoD1NSNIB-x10rdP:H");
        assert_eq!(text(Key::from("alice of the long name")), "limiter:f:ocvkK9-YN3MRWb7_Y7fYNB:H");
    }

    #[test]
    fn what_was_worked_out_for_a_limit_alters_no_name_of_any_limit() {
        let params = |quota: &str| Params::new(Algorithm::Fixed, quota.parse().unwrap()).unwrap();
        let budget = Arc::new(Budget::of_limit("policy api".to_owned(), &params("5/10s")));
        for (params, key) in
            [(params("5/10s"), "alice"), (params("5/min"), "alice"), (params("5/10s"), "alice of the long name")]
        {
            let key = Key::from(key);
            let (known, anew) = (Subject::under(&budget, key.clone()), Subject::named("policy api", key));
            let name = |subject| Name::new(NAMESPACE, &subject, &params).digest();
            assert_eq!(name(known), name(anew));
        }
    }

    #[test]
    fn numbers_that_differ_have_other_letters() {
        let numbers = (0..64).map(|bit| 1u64 << bit).chain([0, u64::MAX, 63, 65, 4095]);
        let name = name("p", Key::everyone());
        let texts: std::collections::HashSet<Text> = numbers.map(|number| name.part(number)).collect();
        assert_eq!(texts.len(), 69);
    }
}
