//! Keys as numbers of 64 bits, under secrets drawn for each limiter.
//!
//! The number stands for the key: a store in this process keeps nothing else of it. So no choice of
//! keys may make two of them meet. A key is written as words in a way that tells any two keys apart.
//! The words go through a multilinear hash with secret factors of 128 bits, which is strongly
//! universal: two keys that were chosen without knowing the secrets meet with a probability of
//! 2^-64. Texts become one word first, by SipHash-1-3, which holds even for those who watch.

use core::fmt;
use core::hash::BuildHasher;
use std::hash::RandomState;
use std::net::{IpAddr, Ipv4Addr};

use super::client_ip::IpKey;
use super::{Key, Part};

/// Turns keys into fingerprints. Each one made draws secrets of its own from the operating system.
///
/// ```
/// use limiter_core::key::{Fingerprints, Key};
///
/// let fingerprints = Fingerprints::new();
/// let key = Key::from("alice");
/// assert_eq!(fingerprints.of(1, &key), fingerprints.of(1, &key));
/// assert_ne!(fingerprints.of(1, &key), fingerprints.of(2, &key));
/// ```
pub struct Fingerprints {
    start: u128,
    budget: u128,
    factors: [u128; WORDS],
    texts: RandomState,
}

/// Parts that are hashed word by word; the rest of a longer key is hashed as a text is.
const PARTS: usize = 4;
/// Words of the longest part.
const PART_WORDS: usize = 3;
const WORDS: usize = PARTS * PART_WORDS + 1;

impl Fingerprints {
    /// Draws secrets.
    #[must_use]
    pub fn new() -> Self {
        // Outputs of a keyed pseudo-random function under a key from the operating system.
        let source = RandomState::new();
        let draw = |i: usize| u128::from(source.hash_one((i, 0u8))) << 64 | u128::from(source.hash_one((i, 1u8)));
        Fingerprints {
            start: draw(WORDS),
            budget: draw(WORDS + 1),
            factors: core::array::from_fn(draw),
            texts: RandomState::new(),
        }
    }

    /// The fingerprint of a key under a budget.
    #[must_use]
    #[inline]
    pub fn of(&self, budget: u64, key: &Key) -> u64 {
        self.under(self.start(budget), key)
    }

    /// What all keys under a budget have in common.
    #[inline]
    pub(crate) fn start(&self, budget: u64) -> u128 {
        self.start.wrapping_add(self.budget.wrapping_mul(u128::from(budget)))
    }

    /// The fingerprint of a key under the budget that `start` was made of.
    #[inline]
    pub(crate) fn under(&self, start: u128, key: &Key) -> u64 {
        finish(self.sum(start, key))
    }

    /// The same of the key that is one IPv4 address.
    #[inline(always)]
    pub(crate) fn under_v4(&self, start: u128, address: Ipv4Addr) -> u64 {
        finish(self.address(0, start, IpAddr::V4(address), 32))
    }

    /// The same of the key that is one address.
    #[inline]
    pub(crate) fn under_address(&self, start: u128, address: IpKey) -> u64 {
        finish(self.address(0, start, address.network(), address.prefix_len()))
    }

    /// The same of the key that is everybody.
    #[inline]
    pub(crate) fn under_everyone(&self, start: u128) -> u64 {
        finish(self.part(0, start, &Part::Everyone))
    }

    /// The same under two budgets.
    #[inline(always)]
    pub(crate) fn under_both(&self, starts: [u128; 2], key: &Key) -> [u64; 2] {
        let sum = self.sum(0, key);
        [finish(starts[0].wrapping_add(sum)), finish(starts[1].wrapping_add(sum))]
    }

    #[inline(always)]
    fn sum(&self, start: u128, key: &Key) -> u128 {
        match key.parts() {
            [Part::Ip(ip)] => self.address(0, start, ip.network(), ip.prefix_len()),
            // One budget for everybody is one addition away from what the policy has worked out.
            [everyone @ Part::Everyone] => self.part(0, start, everyone),
            parts => self.parts(start, parts),
        }
    }

    /// A number for a value that is not a key, such as a budget in words.
    pub(crate) fn of_value(&self, value: &impl core::hash::Hash) -> u64 {
        self.texts.hash_one(value)
    }

    /// The same for a short name and a mark beside it, word by word as keys are: for names that are
    /// looked up with every request.
    #[cfg(feature = "violations")]
    #[inline]
    pub(crate) fn of_name(&self, name: &str, mark: bool) -> u64 {
        let bytes = name.as_bytes();
        if bytes.len() > (WORDS - 1) * 8 {
            return self.of_value(&(name, mark));
        }
        // No two names that differ in nothing but their ends have the same length and words.
        let mut sum = self.word(0, self.start, (bytes.len() as u64) << 1 | u64::from(mark));
        for (at, chunk) in bytes.chunks(8).enumerate() {
            let word = match chunk.try_into() {
                Ok(eight) => u64::from_le_bytes(eight),
                Err(_) => chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            sum = self.word(at + 1, sum, word);
        }
        finish(sum)
    }

    fn parts(&self, start: u128, parts: &[Part]) -> u128 {
        let mut sum = start;
        for (at, part) in parts.iter().take(PARTS).enumerate() {
            sum = self.part(at * PART_WORDS, sum, part);
        }
        match parts.get(PARTS..) {
            None | Some([]) => sum,
            Some(rest) => self.word(WORDS - 1, sum, self.texts.hash_one(rest)),
        }
    }

    /// The first word of a part holds its kind, and is never 0: no part looks like the lack of one.
    #[inline]
    fn part(&self, at: usize, sum: u128, part: &Part) -> u128 {
        match part {
            Part::Ip(ip) => self.address(at, sum, ip.network(), ip.prefix_len()),
            Part::Everyone => self.word(at, sum, 1),
            Part::Unknown => self.word(at, sum, 2),
            Part::Alternative(which) => self.word(at, sum, 3 | u64::from(*which) << 8),
            Part::Number(number) => self.words(at, sum, 4, *number),
            Part::Secret(secret) => self.words(at, sum, 5, secret.bits()),
            Part::Text(text) => self.words(at, sum, 6, u128::from(self.texts.hash_one(&**text))),
        }
    }

    #[inline(always)]
    fn address(&self, at: usize, sum: u128, network: IpAddr, prefix_len: u8) -> u128 {
        let kind = u64::from(prefix_len) << 8;
        match network {
            IpAddr::V4(v4) => self.word(at, sum, 7 | kind | u64::from(v4.to_bits()) << 16),
            IpAddr::V6(v6) => self.words(at, sum, 8 | kind, v6.to_bits()),
        }
    }

    #[inline]
    fn words(&self, at: usize, sum: u128, kind: u64, value: u128) -> u128 {
        let sum = self.word(at, sum, kind);
        let sum = self.word(at + 1, sum, (value >> 64) as u64);
        self.word(at + 2, sum, value as u64)
    }

    #[inline(always)]
    fn word(&self, at: usize, sum: u128, word: u64) -> u128 {
        let factor = self.factors.get(at).copied().unwrap_or_default();
        sum.wrapping_add(factor.wrapping_mul(u128::from(word)))
    }
}

impl Default for Fingerprints {
    fn default() -> Self {
        Self::new()
    }
}

/// The secrets stay unseen.
impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

/// The high half of a sum is what is strongly universal.
#[inline]
const fn finish(sum: u128) -> u64 {
    mix((sum >> 64) as u64)
}

/// A multilinear hash keeps arithmetic progressions, such as a scanned network, and linear probing
/// dislikes them. This breaks them up and is a bijection, so what was apart stays apart.
#[inline]
const fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 32;
    bits = bits.wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^= bits >> 32;
    bits = bits.wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^ bits >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::client_ip::IpKey;
    use std::collections::HashSet;

    #[test]
    fn keys_that_differ_in_kind_or_order_or_length_have_other_fingerprints() {
        let address: IpAddr = "2001:db8:1::".parse().unwrap();
        let keys = [
            Key::from(Part::Everyone),
            Key::from(Part::Unknown),
            Key::from(Part::Alternative(0)),
            Key::from(Part::Alternative(1)),
            Key::from(0u64),
            Key::from(1u128 << 64),
            Key::from("0"),
            Key::from(""),
            Key::from(Part::secret(b"0")),
            Key::from(IpAddr::from([0, 0, 0, 0])),
            Key::from(IpKey::new(address, 64)),
            Key::from(IpKey::new(address, 48)),
            Key::from(("a", "b")),
            Key::from(("b", "a")),
            Key::from(("ab", "")),
            Key::from((0u64, Key::everyone())),
            Key::from_parts((0..5u32).map(Part::Alternative)),
            Key::from_parts((0..6u32).map(Part::Alternative)),
            Key::from_parts((0..5u32).map(|n| Part::Alternative(n % 4))),
        ];
        let fingerprints = Fingerprints::new();
        let found: HashSet<u64> = keys.iter().map(|key| fingerprints.of(7, key)).collect();
        assert_eq!(found.len(), keys.len());
    }

    #[test]
    fn a_scanned_network_spreads_like_chance() {
        let fingerprints = Fingerprints::new();
        let mut shards = [0u32; 256];
        for host in 0..65_536u32 {
            let key = Key::from(IpAddr::from((0x0a00_0000 + host).to_be_bytes()));
            shards[(fingerprints.of(1, &key) >> 32) as usize & 255] += 1;
        }
        // 256 expected in each, with a deviation of 16.
        assert!(shards.iter().all(|count| (128..=384).contains(count)), "{shards:?}");
    }

    #[test]
    fn two_budgets_at_once_are_two_budgets() {
        let fingerprints = Fingerprints::new();
        for key in [Key::from("alice"), Key::from(7u64), Key::from(IpAddr::from([203, 0, 113, 7]))] {
            let both = fingerprints.under_both([1, 2].map(|budget| fingerprints.start(budget)), &key);
            assert_eq!(both, [fingerprints.of(1, &key), fingerprints.of(2, &key)]);
        }
    }

    #[cfg(feature = "violations")]
    #[test]
    fn names_that_differ_in_length_or_end_or_mark_have_other_fingerprints() {
        let fingerprints = Fingerprints::new();
        let names: Vec<String> = (0..200).flat_map(|length| ["a", "\0"].map(|letter| letter.repeat(length))).collect();
        let found: HashSet<u64> =
            names.iter().flat_map(|name| [true, false].map(|mark| fingerprints.of_name(name, mark))).collect();
        // The name without a letter is there twice.
        assert_eq!(found.len(), 2 * names.len() - 2);
        assert_eq!(fingerprints.of_name("login", false), fingerprints.of_name("login", false));
    }

    #[test]
    fn every_limiter_draws_its_own_secrets() {
        let key = Key::from("alice");
        assert_ne!(Fingerprints::new().of(1, &key), Fingerprints::new().of(1, &key));
    }
}
