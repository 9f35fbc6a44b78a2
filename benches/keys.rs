//! Who asks, and in which order.

use std::net::IpAddr;
use std::sync::OnceLock;

use limiter_core::Key;

/// A key that is made from a number.
pub trait FromId: Sized + Send + Sync + 'static {
    /// Keys of different numbers differ.
    fn from_id(id: u32) -> Self;
    /// The keys of this kind in a pattern.
    fn of(keys: &Keys) -> &[Self];
}

impl FromId for IpAddr {
    fn from_id(id: u32) -> Self {
        // An odd factor is a bijection: addresses come from all over.
        IpAddr::from(id.wrapping_mul(0x9e37_79b1).to_be_bytes())
    }

    fn of(keys: &Keys) -> &[Self] {
        keys.addresses.get_or_init(|| keys.make())
    }
}

impl FromId for String {
    fn from_id(id: u32) -> Self {
        format!("client-{:013x}", id.wrapping_mul(0x9e37_79b1))
    }

    fn of(keys: &Keys) -> &[Self] {
        keys.texts.get_or_init(|| keys.make())
    }
}

impl FromId for Key {
    fn from_id(id: u32) -> Self {
        Key::from(String::from_id(id))
    }

    fn of(keys: &Keys) -> &[Self] {
        keys.keys.get_or_init(|| keys.make())
    }
}

/// Keys in the order of the visits, side by side, so that reading them costs the same everywhere.
pub struct Keys {
    ids: Vec<u32>,
    addresses: OnceLock<Vec<IpAddr>>,
    texts: OnceLock<Vec<String>>,
    keys: OnceLock<Vec<Key>>,
}

impl Keys {
    fn new(ids: Vec<u32>) -> Self {
        Keys { ids, addresses: OnceLock::new(), texts: OnceLock::new(), keys: OnceLock::new() }
    }

    /// One key, again and again.
    #[must_use]
    pub fn hot() -> Self {
        Keys::new(vec![7])
    }

    /// `0..count`, each once.
    #[must_use]
    pub fn each(count: u32) -> Self {
        Keys::new((0..count).collect())
    }

    /// `visits` keys out of `0..count`, all equally likely.
    #[must_use]
    pub fn uniform(count: u32, visits: usize) -> Self {
        let mut random = Random(1);
        Keys::new((0..visits).map(|_| random.below(count)).collect())
    }

    /// `visits` keys out of `0..count` by Zipf's law with exponent 1.
    #[must_use]
    pub fn zipf(count: u32, visits: usize) -> Self {
        let mut random = Random(2);
        let mut sums = Vec::with_capacity(count as usize);
        let mut sum = 0.0;
        for rank in 1..=count {
            sum += 1.0 / f64::from(rank);
            sums.push(sum);
        }
        let visit = |_| {
            let at = sum * f64::from(random.below(u32::MAX)) / f64::from(u32::MAX);
            // Neighbours in rank are strangers in the key space.
            (sums.partition_point(|s| *s < at) as u32 % count).wrapping_mul(0x85eb_ca6b) % count
        };
        Keys::new((0..visits).map(visit).collect())
    }

    /// Number of visits.
    #[must_use]
    pub fn visits(&self) -> usize {
        self.ids.len()
    }

    fn make<K: FromId>(&self) -> Vec<K> {
        self.ids.iter().map(|id| K::from_id(*id)).collect()
    }
}

/// xorshift64*: the same visits in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * u64::from(bound)) >> 32) as u32
    }
}
