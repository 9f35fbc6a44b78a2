//! A store at the end of a wire: it answers after a while, or never, or with an error, as it is told.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::event::{Event, StoreFailure, StoreRecovery};
use limiter_core::key::Key;
use limiter_core::store::front::{FleetOptions, Front};
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Answer, Capabilities, Operation, StoreError};
use limiter_core::time::TokioClock;
use limiter_core::{Algorithm, Limiter, Observer, Policy, Reply, Rule, Ruling, Source, Store};

/// How a wire behaves; clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<State>);

#[derive(Debug, Default)]
struct State {
    store: MemoryStore,
    /// Milliseconds until an answer arrives.
    delay: AtomicU64,
    /// Nothing arrives: the store does what it is asked, and nobody hears of it.
    frozen: AtomicBool,
    /// The store is not there.
    gone: AtomicBool,
    calls: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    operations: Mutex<Vec<String>>,
}

impl Wire {
    pub(crate) fn new(delay_ms: u64) -> Self {
        let wire = Wire::default();
        wire.delay(delay_ms);
        wire
    }

    pub(crate) fn delay(&self, millis: u64) {
        self.0.delay.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn freeze(&self, frozen: bool) {
        self.0.frozen.store(frozen, Ordering::SeqCst);
    }

    pub(crate) fn unplug(&self, gone: bool) {
        self.0.gone.store(gone, Ordering::SeqCst);
    }

    /// Operations that reached the store so far.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn most_under_way(&self) -> usize {
        self.0.most_under_way.load(Ordering::SeqCst)
    }

    /// The operations so far, in short words.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.0.operations.lock().unwrap().clone()
    }
}

impl Store for Wire {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        let state = Arc::clone(&self.0);
        state.calls.fetch_add(1, Ordering::SeqCst);
        state.operations.lock().unwrap().push(word(&operation));
        if state.gone.load(Ordering::SeqCst) {
            return Reply::Now(Err(StoreError::unavailable("connection refused")));
        }
        let Reply::Now(answer) = state.store.submit(operation) else { unreachable!() };
        let under_way = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        let delay = Duration::from_millis(state.delay.load(Ordering::SeqCst));
        let arrives = tokio::time::Instant::now() + delay;
        Reply::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            if !delay.is_zero() {
                tokio::time::sleep_until(arrives).await;
            }
            while state.frozen.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            state.under_way.fetch_sub(1, Ordering::SeqCst);
            answer
        }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&Algorithm::ALL, usize::MAX).with_penalties()
    }
}

fn word(operation: &Operation) -> String {
    match operation {
        Operation::Decide(_) => "decide".into(),
        Operation::Inspect(_) => "inspect".into(),
        Operation::Release { .. } => "release".into(),
        Operation::Repeat { times, .. } => format!("repeat {times}"),
        Operation::Reset { .. } => "reset".into(),
        Operation::Settle { charges, .. } => format!("settle {}", charges[0].1),
        _ => "other".into(),
    }
}

/// A limiter before a wire, and what its observer was told of.
pub(crate) struct Fleet {
    pub(crate) limiter: Limiter,
    pub(crate) wire: Wire,
    pub(crate) front: Front<Wire>,
    pub(crate) told: Told,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Told {
    fn on_deny(&self, event: &Event<'_>) {
        let _ = event;
    }

    fn on_store_error(&self, failure: &StoreFailure<'_>) {
        self.0.lock().unwrap().push(format!("{}: {:?}", failure.error, failure.decision.source()));
    }

    fn on_store_recovery(&self, recovery: &StoreRecovery) {
        self.0.lock().unwrap().push(format!("back after {} decisions", recovery.decisions));
    }
}

impl Fleet {
    /// A store that answers after `delay_ms`.
    pub(crate) fn new(delay_ms: u64, options: FleetOptions) -> Self {
        Self::on(Wire::new(delay_ms), options)
    }

    pub(crate) fn on(wire: Wire, options: FleetOptions) -> Self {
        let front = Front::new(wire.clone(), options);
        let told = Told::default();
        let limiter = Limiter::builder().store(front.clone()).observer(told.clone()).clock(TokioClock::new()).build();
        Fleet { limiter, wire, front, told }
    }

    pub(crate) async fn ask(&self, policy: &Policy, key: u64, cost: u64) -> Ruling {
        answered(self.limiter.decide_key(policy, &Key::from(key), cost)).await
    }

    /// Whether it passed, and who said so.
    pub(crate) async fn say(&self, policy: &Policy, key: u64) -> (bool, Source) {
        let ruling = self.ask(policy, key, 1).await;
        (ruling.decision.is_allowed(), ruling.decision.source())
    }
}

pub(crate) async fn answered(reply: Reply<Ruling>) -> Ruling {
    match reply {
        Reply::Now(ruling) => ruling,
        Reply::Later(ruling) => ruling.await,
    }
}

pub(crate) fn policy(quota: &str) -> Policy {
    policy_by(Algorithm::Bucket, quota)
}

pub(crate) fn policy_by(algorithm: Algorithm, quota: &str) -> Policy {
    Policy::new("api", [Rule::new(quota.parse().unwrap()).algorithm(algorithm)]).unwrap()
}

pub(crate) async fn sleep_ms(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
