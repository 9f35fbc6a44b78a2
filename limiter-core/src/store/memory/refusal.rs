//! The last refusal of each shard, for all to read without taking the lock.
//!
//! Whoever is refused asks again, and an attacker does so often. A bucket that is refused does not
//! change until something is given back, so the number in its cell answers for as long as it stands:
//! no lock is taken and nothing is written, however many threads ask. It lies in a cache line of its own,
//! which those who are admitted do not touch: whose refusal it is can be read beside the lock.
//!
//! Two words are written one after the other and read one after the other, without a lock on either
//! side. One is the number, the other its exclusive or with the fingerprint: halves of two different
//! notes do not fit together. Notes are written and wiped out by holders of the shard's lock alone, so
//! a change that has happened is a note that is gone. Only who drops a stale cell leaves the note: it is
//! as stale as the cell, and nobody heeds it.

use super::sync::{AtomicU64, Ordering};
use crate::time::Nanos;

/// Wiped out, both are 0, and no fingerprint is.
#[derive(Default)]
pub(super) struct Refusal {
    mixed: AtomicU64,
    fresh_at: AtomicU64,
}

impl Refusal {
    /// What the cell of this key holds, if it is the one noted.
    #[inline(always)]
    pub(super) fn of(&self, fingerprint: u64) -> Option<Nanos> {
        let fresh_at = self.fresh_at.load(Ordering::Relaxed);
        (self.mixed.load(Ordering::Relaxed) ^ fresh_at == fingerprint).then(|| Nanos::new(fresh_at))
    }

    /// For holders of the shard's lock.
    #[inline]
    pub(super) fn note(&self, fingerprint: u64, fresh_at: Nanos) {
        self.fresh_at.store(fresh_at.get(), Ordering::Relaxed);
        self.mixed.store(fingerprint ^ fresh_at.get(), Ordering::Relaxed);
    }

    /// For holders of the shard's lock who change a cell, or give one up.
    #[inline]
    pub(super) fn wipe(&self) {
        self.mixed.store(0, Ordering::Relaxed);
        self.fresh_at.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_of_one_key_until_it_is_wiped_out() {
        let refusal = Refusal::default();
        assert_eq!(refusal.of(7), None);
        refusal.note(7, Nanos::new(70));
        assert_eq!((refusal.of(7), refusal.of(8)), (Some(Nanos::new(70)), None));
        refusal.note(8, Nanos::new(80));
        assert_eq!((refusal.of(7), refusal.of(8)), (None, Some(Nanos::new(80))));
        refusal.wipe();
        assert_eq!(refusal.of(8), None);
    }
}
