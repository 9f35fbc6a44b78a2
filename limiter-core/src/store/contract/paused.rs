//! Stores that go by tokio's clock, on a runtime whose time is paused: it jumps to whatever is
//! waited for next.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::InTime;
use super::barriers::BarriersUnderTest;
use super::counters::CountersUnderTest;
use crate::store::{Barriers, BoxFuture, Counters};
use crate::time::{Clock, Nanos, TokioClock};

/// A store that goes by a [`TokioClock`], in time that passes at once.
///
/// ```
/// use limiter_core::store::contract::{InPausedTime, barriers};
/// use limiter_core::store::memory::MemoryBarriers;
///
/// barriers::assert_keeps(&InPausedTime::new(|clock| MemoryBarriers::with_clock(clock, 1000))?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct InPausedTime<S> {
    runtime: Runtime,
    clock: TokioClock,
    store: Arc<S>,
}

impl<S> InPausedTime<S> {
    /// Puts under test what `make` makes with the clock of the runtime.
    ///
    /// # Errors
    ///
    /// When no runtime can be started.
    pub fn new(make: impl FnOnce(TokioClock) -> S) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (clock, store) = {
            let _inside = runtime.enter();
            let clock = TokioClock::new();
            (clock.clone(), Arc::new(make(clock)))
        };
        Ok(InPausedTime { runtime, clock, store })
    }
}

impl<S: Send + Sync> InTime for InPausedTime<S> {
    fn now(&self) -> Nanos {
        self.clock.monotonic()
    }

    fn pause(&self, by: Duration) -> BoxFuture<()> {
        Box::pin(async move { tokio::time::sleep(by).await })
    }

    fn drive(&self, future: BoxFuture<()>) {
        self.runtime.block_on(future);
    }
}

impl<S: Barriers> BarriersUnderTest for InPausedTime<S> {
    fn barriers(&self) -> Arc<dyn Barriers> {
        Arc::clone(&self.store) as Arc<dyn Barriers>
    }
}

impl<S: Counters> CountersUnderTest for InPausedTime<S> {
    fn counters(&self) -> Arc<dyn Counters> {
        Arc::clone(&self.store) as Arc<dyn Counters>
    }
}
