//! Bounded mode: units that the store has set aside for this process, already charged there.
//!
//! Let `G(s, t)` be what the store charges between two instants; it keeps to `burst + rate x (t - s)`.
//! Whatever is admitted between them was charged between them or held at `s`. A process fetches only when
//! somebody waits and spends a unit at once, so `n` processes never hold more than `n x (L - 1)`; and what
//! is held at `s` was charged within the last `ttl`, so it is part of `G(s - ttl, t)`. So no more than
//! `min(n x (L - 1), rate x ttl)` is admitted beyond the promise in any stretch of time, and nothing beyond
//! it in the long run.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::Inner;
use super::denials::Keys;
use super::numbers::before_later;
use super::round::same;
use crate::algorithm::{Algorithm, Params};
use crate::decision::Source;
use crate::store::{Decide, Decided, ItemReply, Store};
use crate::time::{Nanos, Now};

/// A power of two; threads seldom meet.
const SHARDS: usize = 64;
/// Keys for which units are held, in each shard. For keys beyond these nothing is kept.
const KEYS_PER_SHARD: usize = 512;

/// What is held, by keys.
#[derive(Debug)]
pub(super) struct Aside {
    shards: Box<[Mutex<HashMap<u64, Held>>]>,
}

/// Decisions that the store has already made in favour of whoever comes next.
#[derive(Debug)]
struct Held {
    decide: Decide,
    /// What the store said after the last of them.
    last: Decided,
    left: u32,
    until: Nanos,
    keys: Keys,
}

impl Aside {
    pub(super) fn new() -> Self {
        Aside { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    fn shard(&self, keys: &Keys) -> (u64, Option<&Mutex<HashMap<u64, Held>>>) {
        let at = fold(keys);
        (at, self.shards.get(at as usize & (SHARDS - 1)))
    }
}

/// One number for the keys of a decision.
pub(super) fn fold(keys: &Keys) -> u64 {
    keys.iter().fold(0, |all, (key, _)| all.rotate_left(7) ^ key)
}

impl<S: Store> Inner<S> {
    /// Spends what was set aside for such a decision.
    pub(super) fn spend(&self, decide: &Decide, keys: &Keys) -> Option<Decided> {
        let (at, shard) = self.aside.as_ref()?.shard(keys);
        let mut shard = shard?.lock();
        let held = shard.get_mut(&at)?;
        if held.until <= decide.now.monotonic || held.keys != *keys {
            // Too old, or something was given back since: what is held may be more than there is.
            shard.remove(&at);
            return None;
        }
        if !same(&held.decide.items, &decide.items) {
            return None;
        }
        held.left = held.left.saturating_sub(1);
        let decided = before_later(&held.decide, &held.last, u64::from(held.left));
        if held.left == 0 {
            shard.remove(&at);
        }
        // The states are those of then; they are told as they have become since.
        Some(Decided { source: Source::Lease, now: None, ..decided })
    }

    /// How many more such decisions to ask for than are waiting.
    pub(super) fn ahead(&self, decide: &Decide, keys: &Keys) -> u32 {
        if self.aside.is_none() {
            return 0;
        }
        let share = |(item, (key, _)): (&crate::store::Item, &(u64, u64))| {
            let sighting = self.stand_in.known().get(*key, &item.params)?;
            let left = u128::from(item.params.remaining(sighting.state, decide.now));
            let units = left * u128::from(self.options.lease_permille) / 1000 / u128::from(self.stand_in.nodes());
            Some(units / u128::from(item.cost.max(1)))
        };
        // Of a key that nothing is known of, nothing is fetched ahead.
        let times = { decide.items.iter().zip(keys) }.map(|item| share(item).unwrap_or(0)).min().unwrap_or(0);
        u32::try_from(times.saturating_sub(1)).unwrap_or(u32::MAX >> 1).min(u32::MAX >> 1)
    }

    /// Keeps decisions that were made ahead.
    pub(super) fn set_aside(&self, decide: Decide, keys: Keys, last: Decided, left: u32) {
        let Some(aside) = self.aside.as_ref().filter(|_| left > 0) else { return };
        let now = decide.now;
        let ttl = self.options.lease_ttl;
        let lasts =
            decide.items.iter().zip(&last.items).map(|(item, reply)| lasts(&item.params, reply, now, ttl)).min();
        let until = now.monotonic.saturating_add(lasts.unwrap_or(Nanos::ZERO));
        let (at, Some(shard)) = aside.shard(&keys) else { return };
        let mut shard = shard.lock();
        if shard.len() >= KEYS_PER_SHARD && !shard.contains_key(&at) {
            shard.retain(|_, held| held.until > now.monotonic);
            if shard.len() >= KEYS_PER_SHARD {
                return;
            }
        }
        // What was held for decisions of another cost is lost: a process never holds twice.
        shard.insert(at, Held { decide, last, left, until, keys });
    }
}

/// How long units last: never beyond the window that they were charged to.
fn lasts(params: &Params, reply: &ItemReply, now: Now, ttl: Duration) -> Nanos {
    let ttl = Nanos::from(ttl);
    match params.algorithm() {
        Algorithm::Fixed => ttl.min(params.reset_after(reply.state, now).unwrap_or(Nanos::ZERO)),
        Algorithm::Log | Algorithm::Sliding => ttl.min(Nanos::new(params.period())),
        _ => ttl,
    }
}
