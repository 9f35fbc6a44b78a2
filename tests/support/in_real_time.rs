//! Barriers, counters and events of a server, for the contract suites: the server has a clock of its own, so
//! time has to pass.

use std::sync::Arc;
use std::time::Duration;

use limiter_core::store::contract::InTime;
use limiter_core::store::contract::barriers::BarriersUnderTest;
use limiter_core::store::contract::counters::CountersUnderTest;
use limiter_core::store::{Barriers, BoxFuture, Counters};
use limiter_core::time::{Clock, Nanos, SystemClock};
use tokio::runtime::Runtime;

pub struct InRealTime<S> {
    store: S,
    runtime: Runtime,
    clock: SystemClock,
}

impl<S> InRealTime<S> {
    pub fn new(store: S, runtime: Runtime) -> Self {
        InRealTime { store, runtime, clock: SystemClock::new() }
    }
}

impl<S: Send + Sync> InTime for InRealTime<S> {
    fn now(&self) -> Nanos {
        self.clock.monotonic()
    }

    fn pause(&self, by: Duration) -> BoxFuture<()> {
        Box::pin(async move { tokio::time::sleep(by).await })
    }

    fn drive(&self, future: BoxFuture<()>) {
        self.runtime.block_on(future);
    }

    /// Waits look twenty times a second, and machines are busy.
    fn resolution(&self) -> Duration {
        Duration::from_millis(150)
    }

    fn lifetime(&self) -> Duration {
        Duration::from_millis(1600)
    }
}

impl<S: Barriers + Clone> BarriersUnderTest for InRealTime<S> {
    fn barriers(&self) -> Arc<dyn Barriers> {
        Arc::new(self.store.clone())
    }
}

impl<S: Counters + Clone> CountersUnderTest for InRealTime<S> {
    fn counters(&self) -> Arc<dyn Counters> {
        Arc::new(self.store.clone())
    }
}
