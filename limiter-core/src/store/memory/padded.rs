//! A shard behind its lock, and the refusal that is noted beside it.

use super::lock::{Guard, Lock};
use super::refusal::Refusal;
use super::shard::Shard;
use super::sync::{AtomicU64, Ordering};
use crate::time::Nanos;

/// Two locks never share a cache line, nor the pair that the processor fetches together. In this order,
/// so that one line is all that most decisions see of a shard.
#[repr(C, align(128))]
pub(super) struct Padded {
    /// Whose refusal is noted; 0 for nobody's. Written by holders of the lock.
    refused: AtomicU64,
    pub(super) lock: Lock<Shard>,
    pub(super) refusal: Refusal,
}

impl Padded {
    pub(super) fn new(shard: Shard) -> Self {
        Padded { refused: AtomicU64::new(0), lock: Lock::new(shard), refusal: Refusal::default() }
    }

    /// For those who change or give up cells of whatever key.
    #[inline]
    pub(super) fn lock_and_wipe(&self) -> Guard<'_, Shard> {
        let shard = self.lock.lock();
        if !self.has_noted(0) {
            self.wipe();
        }
        shard
    }

    /// Whether it is the refusal of this key that is noted: certain for holders of the lock, and a reason
    /// to look for everybody else.
    #[inline(always)]
    pub(super) fn has_noted(&self, fingerprint: u64) -> bool {
        self.refused.load(Ordering::Relaxed) == fingerprint
    }

    /// For holders of the lock.
    #[inline]
    pub(super) fn note(&self, fingerprint: u64, fresh_at: Nanos) {
        self.refusal.note(fingerprint, fresh_at);
        self.refused.store(fingerprint, Ordering::Relaxed);
    }

    /// For holders of the lock who change the cell that the note is about, or give it up.
    #[cold]
    pub(super) fn wipe(&self) {
        self.refused.store(0, Ordering::Relaxed);
        self.refusal.wipe();
    }
}
