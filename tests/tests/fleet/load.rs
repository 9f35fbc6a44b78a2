//! Callers that ask without end while a server fails, and look at every answer: it came in time, its source
//! may be what it says, and it belongs to the key that was asked about.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use limiter_core::{Algorithm, Limiter, Policy, Rule, Source};
use tokio::task::JoinHandle;

use super::{Hiccups, ask, now};

pub(crate) const DEADLINE: Duration = Duration::from_millis(50);
pub(crate) const BURST: u64 = 200;
pub(crate) const RATE: u64 = 400;

/// Each key asks for a cost of its own, a prime: an answer that belongs to another key shows.
const COSTS: [u64; 6] = [2, 3, 5, 7, 11, 13];
const PLENTY: u64 = 1_000_000;

/// What limits, and a window that is never full: what it has counted tells whose answer it is.
pub(crate) fn policy() -> Policy {
    let bucket = Rule::new(format!("{RATE}/s burst {BURST}").parse().unwrap()).named("bucket");
    let window = Rule::new(format!("{PLENTY}/day").parse().unwrap()).algorithm(Algorithm::Fixed).named("window");
    Policy::new("endured", [bucket, window]).unwrap()
}

/// Callers that have not ended yet.
pub(crate) struct Load {
    seen: Arc<Seen>,
    hiccups: Arc<Hiccups>,
    tasks: Vec<JoinHandle<u64>>,
    began: Instant,
}

#[derive(Default)]
struct Seen {
    by_store: AtomicU64,
    locally: AtomicU64,
    over: AtomicBool,
}

impl Load {
    pub(crate) fn on(limiter: &Limiter) -> Load {
        let (seen, hiccups) = (Arc::new(Seen::default()), Arc::new(Hiccups::watch()));
        let caller = |cost| tokio::spawn(call(limiter.clone(), cost, Arc::clone(&seen), Arc::clone(&hiccups)));
        Load { began: now(), tasks: COSTS.into_iter().map(caller).collect(), seen, hiccups }
    }

    /// Waits until the store has decided often from now on: within two seconds.
    pub(crate) async fn until_stored(&self) {
        let (since, before) = (now(), self.seen.by_store.load(Ordering::SeqCst));
        // Those that were under way may still be answered.
        while self.seen.by_store.load(Ordering::SeqCst) < before + 50 {
            assert!(since.elapsed() < Duration::from_secs(2) + self.hiccups.slack(), "the store stays unused");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until many were decided about in this process.
    pub(crate) async fn until_local(&self) {
        let before = self.seen.locally.load(Ordering::SeqCst);
        while self.seen.locally.load(Ordering::SeqCst) < before + 50 {
            assert!(self.began.elapsed() < Duration::from_secs(30), "nobody needs the stand-in");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it, once every caller has had its answer. No key was admitted more than its quota and so many
    /// bursts beyond it.
    pub(crate) async fn end(self, bursts_beyond: u64) {
        self.seen.over.store(true, Ordering::SeqCst);
        for (cost, task) in COSTS.into_iter().zip(self.tasks) {
            let admitted = tokio::time::timeout(Duration::from_secs(5), task).await.expect("nobody hangs").unwrap();
            let promised = BURST + RATE * (self.began.elapsed().as_millis() as u64 + 50) / 1_000;
            let bound = promised + bursts_beyond * BURST;
            assert!(admitted <= bound, "{cost}: {admitted} > {bound}");
            assert!(admitted > 0, "{cost}: nobody of {promised}");
        }
    }
}

/// One caller: how many units it was admitted.
async fn call(limiter: Limiter, cost: u64, seen: Arc<Seen>, hiccups: Arc<Hiccups>) -> u64 {
    let (policy, mut admitted) = (policy(), 0);
    while !seen.over.load(Ordering::SeqCst) {
        let began = now();
        let decision = ask(&limiter, &policy, cost, cost).await.decision;
        let took = began.elapsed();
        assert!(took <= DEADLINE + hiccups.slack(), "{took:?}");
        match decision.source() {
            Source::Store => {
                assert!(!decision.is_degraded());
                let counted = PLENTY - decision.usages()[1].remaining();
                assert_eq!(counted % cost, 0, "an answer of another key");
                seen.by_store.fetch_add(1, Ordering::SeqCst);
            }
            Source::DenialCache => assert!(!decision.is_allowed()),
            source => {
                assert_eq!(source, Source::Local);
                assert!(decision.is_degraded());
                seen.locally.fetch_add(1, Ordering::SeqCst);
            }
        }
        admitted += cost * u64::from(decision.is_allowed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    admitted
}
