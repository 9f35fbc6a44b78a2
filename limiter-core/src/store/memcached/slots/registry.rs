//! The slots that this process holds.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::hash::RandomState;
use std::sync::Weak;

use dashmap::DashMap;

use crate::store::Lease;
use crate::store::memcached::name::Text;
use crate::time::Nanos;

/// A slot as it was last written.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) key: Text,
    pub(super) token: u64,
}

/// What one decision holds.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    pub(super) id: u64,
    pub(super) digest: u128,
    /// Gone when the holder is gone: its slots are then given back, not renewed.
    pub(super) lease: Weak<Lease>,
    pub(super) slots: Vec<Slot>,
    /// The same instant on the caller's clock and on the store's: their origins differ.
    pub(super) caller: Nanos,
    pub(super) engine: Nanos,
}

/// See the [module](self).
#[derive(Debug)]
pub(in crate::store::memcached) struct Registry {
    held: DashMap<u64, Holding>,
    next: AtomicU64,
    /// Tells holders of this process from those of others.
    process: u64,
    lease: Nanos,
    /// Whether a task is renewing.
    pub(super) beating: AtomicBool,
}

impl Registry {
    pub(in crate::store::memcached) fn new(lease: Duration) -> Self {
        Registry {
            held: DashMap::new(),
            next: AtomicU64::new(1),
            process: RandomState::new().hash_one(0u8),
            lease: lease.into(),
            beating: AtomicBool::new(false),
        }
    }

    /// How long a slot is held for unless it is renewed.
    pub(super) fn lease(&self) -> Nanos {
        self.lease
    }

    /// How long the server keeps it: longer by one renewal, so that whoever lost it hears of it
    /// before others can have it.
    pub(super) fn term(&self) -> Nanos {
        self.lease.saturating_add(self.pause())
    }

    /// The time between renewals.
    pub(super) fn pause(&self) -> Nanos {
        Nanos::new(self.lease.get() / 3)
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The name that a holder writes into its slots.
    pub(super) fn holder(&self, id: u64) -> String {
        format!("{:016x}-{id}", self.process)
    }

    pub(super) fn hold(&self, holding: Holding) {
        self.held.insert(holding.id, holding);
    }

    pub(super) fn get(&self, id: u64) -> Option<Holding> {
        self.held.get(&id).map(|holding| holding.clone())
    }

    /// Notes the tokens of slots that were renewed, if they are still held.
    pub(super) fn renewed(&self, id: u64, tokens: &[u64]) {
        if let Some(mut holding) = self.held.get_mut(&id) {
            for (slot, token) in holding.slots.iter_mut().zip(tokens) {
                slot.token = *token;
            }
        }
    }

    pub(super) fn drop_holding(&self, id: u64) -> Option<Holding> {
        self.held.remove(&id).map(|(_, holding)| holding)
    }

    /// Somebody who holds so many slots of a key, where it was not said who.
    pub(super) fn find(&self, digest: u128, slots: u64) -> Option<u64> {
        let is_it = |holding: &Holding| holding.digest == digest && holding.slots.len() as u64 == slots;
        self.held.iter().find(|holding| is_it(holding)).map(|holding| holding.id)
    }

    pub(super) fn ids(&self) -> Vec<u64> {
        self.held.iter().map(|holding| holding.id).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
