//! The contract of stores.

use std::time::Duration;

use crate::desk;
use limiter_core::algorithm::{Algorithm, Params, Verdict};
use limiter_core::store::contract::{self, StoreUnderTest};
use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::{RedisStore, RedisStoreBuilder};
use limiter_core::store::{Answer, BoxFuture, Decide, Decided, Item, Mode, Operation, Store, StoreError};
use limiter_core::testing::ManualClock;
use limiter_core::time::{Clock, Now};
use tests::redis::{self, Cluster, Server};
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

#[test]
fn so_it_does_by_functions() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    check(&runtime, &RedisStore::builder(server.url()).functions());
    let info: String = runtime.block_on(server.command("INFO memory"));
    assert!(info.contains("number_of_cached_scripts:0"), "{info}");
}

#[test]
fn a_cluster_of_six_keeps_every_promise_under_a_shared_tag() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let cluster = runtime.block_on(Cluster::start());
    check(&runtime, &RedisStore::builder(cluster.url()).shared_tag("everything"));
}

#[test]
fn a_cluster_of_six_keeps_every_promise_to_each_caller() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let cluster = runtime.block_on(Cluster::start());
    check(&runtime, &RedisStore::builder(cluster.url()));
}

#[test]
fn a_server_with_a_clock_of_its_own_is_exact_under_a_burst() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    runtime.block_on(async {
        let store = desk::plain(server.url()).deadline(Duration::from_secs(10)).connect().await.unwrap();
        let quota = "50/h".parse().unwrap();
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Concurrent) {
            let params = Params::new(algorithm, quota).unwrap();
            let asked: Vec<_> = (0..200).map(|_| desk::decide(&store, &[desk::item("burst", params, 1)])).collect();
            let mut passed = 0;
            for answer in asked {
                passed += u32::from(answer.await.unwrap().allowed);
            }
            assert_eq!(passed, 50, "{algorithm}");
        }
    });
}

#[test]
fn decisions_in_a_row_are_those_that_would_be_made_one_after_the_other() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    let store = runtime.block_on(desk::plain(server.url()).deadline(Duration::from_secs(10)).connect()).unwrap();
    let timed = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Concurrent);
    for (algorithm, mode) in timed.flat_map(|algorithm| [(algorithm, Mode::Charge), (algorithm, Mode::Penalty)]) {
        let params = Params::new(algorithm, "7/h".parse().unwrap()).unwrap();
        let item = Item { mode, ..desk::item(&format!("{algorithm} {mode:?}"), params, 2) };
        let decide = Decide { now: desk::now(), items: [item].into_iter().collect() };
        let repeat = |times| {
            let operation = Operation::Repeat { decide: decide.clone(), times };
            match runtime.block_on(desk::answer(store.submit(operation))).unwrap() {
                Answer::Repeated(all) => (all.granted, all.allowed, all.refused),
                other => panic!("{other:?}"),
            }
        };
        let (granted, allowed, refused) = repeat(2);
        let left = |decided: &Decided| params.remaining(decided.items[0].state, decided.now.unwrap());
        assert_eq!((granted, left(&allowed.unwrap()), refused.is_none()), (2, 3, true));
        let (granted, allowed, refused) = repeat(5);
        assert_eq!((granted, left(&allowed.unwrap())), (1, 1));
        let refused = refused.unwrap();
        // A refusal that counts takes what is left.
        assert_eq!(left(&refused), if mode == Mode::Penalty { 0 } else { 1 }, "{algorithm}");
        assert!(matches!(refused.items[0].verdict, Verdict::Deny { retry: Some(_) }));
        assert_eq!(repeat(3).0, 0);
    }
}
