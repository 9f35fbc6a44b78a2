//! Barriers, counters and events keep their contracts.

use std::sync::Arc;
use std::time::Duration;

use limiter_core::store::contract::InTime;
use limiter_core::store::contract::barriers::{self, BarriersUnderTest};
use limiter_core::store::contract::counters::{self, CountersUnderTest};
use limiter_core::store::redis::RedisStore;
use limiter_core::store::{Barriers, BoxFuture, Counters};
use limiter_core::time::Nanos;
use tests::redis::{self, Server};
use tokio::runtime::Runtime;

use crate::desk;

/// A store on a server that has a clock of its own, so that time has to pass.
struct InRealTime {
    store: RedisStore,
    runtime: Runtime,
    _server: Server,
}

impl InTime for InRealTime {
    fn now(&self) -> Nanos {
        desk::now().monotonic
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

impl CountersUnderTest for InRealTime {
    fn counters(&self) -> Arc<dyn Counters> {
        Arc::new(self.store.clone())
    }
}

fn subject() -> InRealTime {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    let builder = desk::plain(server.url()).deadline(Duration::from_secs(5));
    InRealTime { store: runtime.block_on(builder.connect()).unwrap(), runtime, _server: server }
}

#[test]
fn barriers_keep_every_promise() {
    if redis::there() {
        barriers::assert_keeps(&subject());
    }
}

#[test]
fn counters_keep_every_promise() {
    if redis::there() {
        counters::assert_keeps(&subject());
    }
}
