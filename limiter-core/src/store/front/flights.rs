//! Who waits for the answer to an earlier question about the same keys.
//!
//! While a round trip is under way for some keys, further decisions about them wait until it is back,
//! and then travel together. All of them overlap the instant at which the store decides, so nothing
//! is decided that one after the other could not have been.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;

use super::caller::{Caller, Waiter};
use crate::time::Nanos;

/// Who waits, by keys.
type Queues = HashMap<u64, Queue, BuildHasherDefault<Hashed>>;

#[derive(Debug)]
struct Queue {
    waiting: Vec<Waiter>,
    /// Whose question is under way, as long as nobody else depends on it.
    alone: Option<Arc<Caller>>,
}

/// What becomes of somebody who comes.
pub(super) enum Joined {
    /// Nothing is under way: this one is to ask.
    First,
    /// Somebody asked before, who was alone until now.
    Second(Arc<Caller>),
    /// Several wait already.
    Waits,
}

/// Fingerprints are hashes already, under a secret of this process.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A power of two; threads seldom meet.
const SHARDS: usize = 64;

/// The keys about which a question is under way, by fingerprint, and who waits to ask next. Keys whose
/// fingerprints meet wait for each other, and are still asked about apart.
#[derive(Debug)]
pub(super) struct Flights {
    shards: Box<[Mutex<Queues>]>,
}

impl Flights {
    pub(super) fn new() -> Self {
        Flights { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Waits if a question is under way; otherwise the caller is to ask, until [`next`](Self::next) says that
    /// nobody waits.
    pub(super) fn join(&self, keys: u64, caller: &Arc<Caller>) -> Joined {
        let Some(shard) = self.shard(keys) else { return Joined::First };
        let mut shard = shard.lock();
        match shard.entry(keys) {
            Entry::Occupied(mut queue) => {
                let queue = queue.get_mut();
                caller.wait();
                queue.waiting.push(Waiter::new(caller));
                queue.alone.take().map_or(Joined::Waits, Joined::Second)
            }
            Entry::Vacant(none) => {
                none.insert(Queue { waiting: Vec::new(), alone: Some(Arc::clone(caller)) });
                Joined::First
            }
        }
    }

    /// Those who have come to wait meanwhile, in order. Nobody: then no question is under way any more.
    pub(super) fn next(&self, keys: u64) -> Option<Vec<Waiter>> {
        let mut shard = self.shard(keys)?.lock();
        let queue = shard.get_mut(&keys)?;
        if queue.waiting.is_empty() {
            shard.remove(&keys);
            return None;
        }
        Some(core::mem::take(&mut queue.waiting))
    }

    /// No question is under way any more, whoever waits. They find out by being dropped.
    pub(super) fn abandon(&self, keys: u64) {
        if let Some(shard) = self.shard(keys) {
            let queue = shard.lock().remove(&keys);
            drop(queue);
        }
    }

    /// Those who asked by themselves, at `until` or before. They are not alone any more: it is for whoever
    /// calls this to see their questions through.
    pub(super) fn alone_since(&self, until: Nanos) -> Vec<Arc<Caller>> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            let old = |queue: &mut Queue| queue.alone.take_if(|caller| caller.arrived <= until);
            found.extend(shard.values_mut().filter_map(old));
        }
        found
    }

    /// Lets all who asked by themselves look again.
    pub(super) fn wake_alone(&self) {
        for shard in &self.shards {
            let alone: Vec<Arc<Caller>> = shard.lock().values().filter_map(|queue| queue.alone.clone()).collect();
            alone.iter().for_each(|caller| caller.wake());
        }
    }

    /// Keys about which a question is under way.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().is_empty())
    }

    fn shard(&self, keys: u64) -> Option<&Mutex<Queues>> {
        self.shards.get((keys >> 32) as usize & (SHARDS - 1))
    }
}
