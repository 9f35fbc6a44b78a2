//! Barriers keep their contract at a server, in real time.

use std::sync::Arc;
use std::time::Duration;

use limiter_core::store::contract::InTime;
use limiter_core::store::contract::barriers::{self, BarriersUnderTest};
use limiter_core::store::memcached::MemcachedStore;
use limiter_core::store::{Barriers, BoxFuture};
use limiter_core::time::{Clock, Nanos, SystemClock};
use tests::memcached::any;
use tokio::runtime::Runtime;

struct InRealTime {
    store: MemcachedStore,
    runtime: Runtime,
    clock: SystemClock,
}

impl InTime for InRealTime {
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

impl BarriersUnderTest for InRealTime {
    fn barriers(&self) -> Arc<dyn Barriers> {
        Arc::new(self.store.clone())
    }
}

#[test]
fn barriers_keep_their_contract() {
    let Some((address, _server)) = any() else { return };
    let runtime = Runtime::new().unwrap();
    let builder = MemcachedStore::builder().reply_timeout(Duration::from_secs(2));
    let store = runtime.block_on(builder.connect([address])).unwrap();
    barriers::assert_keeps(&InRealTime { store, runtime, clock: SystemClock::new() });
}
