//! Stores that the search must flag.

use std::sync::atomic::{AtomicUsize, Ordering};

use limiter_core::algorithm::Verdict;
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Charged, Decide, Decided};
use limiter_core::time::Now;

use crate::history::Store;

/// Decides rule by rule, each by itself.
#[derive(Default)]
pub(crate) struct HalfCharging(MemoryStore);

impl Store for HalfCharging {
    fn decide(&self, decide: &Decide) -> Decided {
        let mut all = Decided { allowed: true, ..Decided::default() };
        for item in &decide.items {
            let one = self.0.decide(&Decide { now: decide.now, items: [item.clone()].into_iter().collect() });
            all.allowed &= one.allowed;
            all.items.extend(one.items);
        }
        all
    }

    fn settle(&self, now: Now, charge: &Charged, units: i64) {
        self.0.settle(now, &[(charge.clone(), units)]);
    }
}

/// Asks, waits until somebody else has asked too, and charges what it was told it could.
#[derive(Default)]
pub(crate) struct PeekThenCharge {
    store: MemoryStore,
    asked: AtomicUsize,
}

impl Store for PeekThenCharge {
    fn decide(&self, decide: &Decide) -> Decided {
        let mut decided = self.store.inspect(decide);
        // The first request is alone; the two after it wait for each other.
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        while number > 0 && self.asked.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        for (item, reply) in decide.items.iter().zip(&mut decided.items) {
            if decided.allowed && reply.verdict == Verdict::Allow {
                reply.state = item.params.decide(reply.state, decide.now, item.cost).state;
                let charge = item.charged(reply, decide.now);
                self.store.settle(decide.now, &[(charge, item.cost as i64)]);
            }
        }
        decided
    }

    fn settle(&self, now: Now, charge: &Charged, units: i64) {
        self.store.settle(now, &[(charge.clone(), units)]);
    }
}
