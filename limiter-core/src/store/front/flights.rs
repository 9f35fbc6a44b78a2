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
use tokio::sync::oneshot;

use super::denials::Keys;
use super::lead::Lead;
use crate::store::{Answer, Decide, StoreError};
use crate::time::Nanos;

/// What somebody who waits is told in the end.
pub(super) type Told = Result<Answer, StoreError>;

/// A decision that somebody waits for, or no longer waits for: it is carried out all the same.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) decide: Decide,
    pub(super) keys: Keys,
    pub(super) who: Who,
}

/// Whom to tell.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) tell: oneshot::Sender<Told>,
    pub(super) arrived: Nanos,
}

/// Who waits, by keys.
type Queues = HashMap<u64, Queue, BuildHasherDefault<Hashed>>;

#[derive(Debug)]
struct Queue {
    waiting: Vec<Waiter>,
    /// What they wait for.
    lead: Arc<Lead>,
}

/// What becomes of somebody who comes.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made; a box would be paid by each question"
)]
pub(super) enum Joined {
    /// Nothing is under way: this one is to ask.
    First(Waiter, Arc<Lead>),
    /// What is under way, which is to go on by itself from now on.
    Waits(Arc<Lead>),
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

    /// Waits if a question is under way; otherwise the caller gets the waiter back, and is to ask until
    /// [`next`](Self::next) says that nobody waits.
    pub(super) fn join(&self, keys: u64, waiter: Waiter) -> Joined {
        let Some(shard) = self.shard(keys) else { return Joined::First(waiter, Arc::default()) };
        let mut shard = shard.lock();
        match shard.entry(keys) {
            Entry::Occupied(mut queue) => {
                let queue = queue.get_mut();
                queue.waiting.push(waiter);
                Joined::Waits(Arc::clone(&queue.lead))
            }
            Entry::Vacant(none) => {
                let queue = none.insert(Queue { waiting: Vec::new(), lead: Arc::default() });
                Joined::First(waiter, Arc::clone(&queue.lead))
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

    /// Keys about which a question is under way.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, keys: u64) -> Option<&Mutex<Queues>> {
        self.shards.get((keys >> 32) as usize & (SHARDS - 1))
    }
}
