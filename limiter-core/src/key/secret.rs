//! Secrets as keyed hashes.

use core::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// A text that must not be kept, as a hash of 128 bits under a key drawn once for each process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Secret(u128);

impl Secret {
    pub(super) fn new(value: &[u8]) -> Self {
        static KEYS: OnceLock<[RandomState; 2]> = OnceLock::new();
        let [high, low] = KEYS.get_or_init(|| [RandomState::new(), RandomState::new()]);
        Secret(u128::from(high.hash_one(value)) << 64 | u128::from(low.hash_one(value)))
    }

    pub(crate) fn bits(self) -> u128 {
        self.0
    }
}

/// The first digits, enough to tell offenders apart.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret:{:08x}", self.0 >> 96)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
