//! What the machine allows at best: the row that all others stand above.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use limiter_core::algorithm::{Params, State, Verdict};
use limiter_core::key::Fingerprints;
use limiter_core::time::{Clock, Nanos, Now, SystemClock};
use limiter_core::{Algorithm, Key};

use crate::rivals::{Rival, ours, params};

/// What no limiter with keys can be below: a clock, a hash, and one locked instruction on the key's cell, in memory
/// as large as ours. It tells no two keys apart that share a cell, and never grows.
pub struct Floor {
    cells: Box<[[AtomicU64; 2]]>,
    clock: SystemClock,
    fingerprints: Fingerprints,
    params: Params,
}

/// 25 MB: what we take for a million keys.
const FLOOR_CELLS: usize = 1_560_000;

impl Rival for Floor {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        Floor {
            cells: (0..FLOOR_CELLS).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect(),
            clock: SystemClock::new(),
            fingerprints: Fingerprints::new(),
            params: params(Algorithm::Bucket, ours(refuse)),
        }
    }

    #[inline]
    fn check(&self, key: &IpAddr) -> bool {
        let fingerprint = self.fingerprints.of(1, &Key::from(*key));
        let now = Now { monotonic: self.clock.monotonic(), wall: Nanos::ZERO };
        let at = ((fingerprint & 0xFFFF_FFFF) * FLOOR_CELLS as u64) >> 32;
        let Some([_, cell]) = self.cells.get(at as usize) else { return false };
        let held = cell.load(Ordering::Relaxed);
        let state = State { fresh_at: Nanos::new(held), mark: 0, used: 0 };
        let step = self.params.decide(state, now, 1);
        step.verdict == Verdict::Allow
            && cell.compare_exchange(held, step.state.fresh_at.get(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}
