//! Secrets as keyed hashes.

use core::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// A text that must not be kept, as a hash of 128 bits under a key: one drawn once for each process,
/// or the fleet's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Secret(u128);

/// What secrets are hashed under. It never changes in a process: hashes made before and after would
/// not meet.
enum Keys {
    Process([RandomState; 2]),
    #[cfg(feature = "fleet")]
    Fleet(siphasher::sip128::SipHasher24),
}

static KEYS: OnceLock<Keys> = OnceLock::new();

impl Secret {
    pub(super) fn new(value: &[u8]) -> Self {
        Secret(match KEYS.get_or_init(|| Keys::Process([RandomState::new(), RandomState::new()])) {
            Keys::Process([high, low]) => u128::from(high.hash_one(value)) << 64 | u128::from(low.hash_one(value)),
            #[cfg(feature = "fleet")]
            Keys::Fleet(hasher) => hasher.hash(value).as_u128(),
        })
    }

    pub(crate) fn bits(self) -> u128 {
        self.0
    }
}

/// Hashes the secrets of keys under a secret of the fleet's from now on. `false` if this process has
/// begun to hash them under another.
#[cfg(feature = "fleet")]
pub(crate) fn set_fleet_secret(secret: &[u8]) -> bool {
    use siphasher::sip128::SipHasher24;
    // The secret may have any length; the hash takes a key of 16 bytes.
    let key = SipHasher24::new_with_key(b"limiter/fleet/1\0").hash(secret).as_bytes();
    let wanted = SipHasher24::new_with_key(&key);
    match KEYS.get_or_init(|| Keys::Fleet(wanted)) {
        Keys::Process(_) => false,
        Keys::Fleet(known) => known.key() == wanted.key(),
    }
}

/// Whether every process of the fleet makes the same hash of a secret.
#[cfg(feature = "fleet")]
pub(crate) fn has_fleet_secret() -> bool {
    matches!(KEYS.get(), Some(Keys::Fleet(_)))
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
