//! The contract of stores.

use std::time::Duration;

use limiter_core::store::contract::{self, StoreUnderTest};
use limiter_core::store::redis::{RedisStore, RedisStoreBuilder};
use limiter_core::store::{Answer, BoxFuture, Store, StoreError};
use limiter_core::testing::ManualClock;
use limiter_core::time::{Clock, Now};
use tests::redis::{self, Server};
use tokio::runtime::{Handle, Runtime};

/// A store that goes by a clock that is moved by hand. Its scripts tell time in microseconds.
struct InManualTime {
    store: RedisStore,
    clock: ManualClock,
    runtime: Handle,
}

impl StoreUnderTest for InManualTime {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn now(&self) -> Now {
        Now { monotonic: self.clock.monotonic(), wall: self.clock.wall() }
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn wait(&self, answer: BoxFuture<Result<Answer, StoreError>>) -> Result<Answer, StoreError> {
        self.runtime.block_on(answer)
    }
}

fn check(runtime: &Runtime, builder: RedisStoreBuilder) {
    // Scripts of a busy machine take their time: what is checked here is what they say.
    let builder = builder.callers_clock().deadline(Duration::from_secs(10));
    let store = runtime.block_on(builder.connect()).unwrap();
    contract::assert_keeps(&InManualTime { store, clock: ManualClock::new(), runtime: runtime.handle().clone() });
}

#[test]
fn one_server_keeps_every_promise() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    check(&runtime, RedisStore::builder(server.url()));
}
