//! The contract of stores.

use std::time::Duration;

use limiter_core::store::contract::{self, StoreUnderTest};
use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::{RedisStore, RedisStoreBuilder};
use limiter_core::store::{Answer, BoxFuture, Store, StoreError};
use limiter_core::testing::ManualClock;
use limiter_core::time::{Clock, Now};
use tests::redis::{self, Server};
use tokio::runtime::{Handle, Runtime};

/// A store that goes by a clock that is moved by hand. Its scripts tell time in microseconds.
struct InManualTime {
    store: RedisStore,
    resolution: Duration,
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
        self.resolution
    }

    fn wait(&self, answer: BoxFuture<Result<Answer, StoreError>>) -> Result<Answer, StoreError> {
        self.runtime.block_on(answer)
    }
}

fn check(runtime: &Runtime, builder: &RedisStoreBuilder) {
    // Scripts of a busy machine take their time: what is checked here is what they say.
    let fleet = FleetOptions::new().deadline(Duration::from_secs(10));
    // Waits that are told from memory are longer by the time that the server's answer took.
    let options = [(fleet.without_denial_cache(), Duration::from_micros(1)), (fleet, Duration::from_millis(500))];
    for (fleet, resolution) in options {
        let store = runtime.block_on(builder.clone().callers_clock().fleet(fleet).connect()).unwrap();
        let (clock, runtime) = (ManualClock::new(), runtime.handle().clone());
        contract::assert_keeps(&InManualTime { store, resolution, clock, runtime });
    }
}

#[test]
fn one_server_keeps_every_promise() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    check(&runtime, &RedisStore::builder(server.url()));
}
