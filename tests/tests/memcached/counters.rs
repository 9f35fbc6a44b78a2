//! Counters and events keep their contract at a server, in real time, and several processes share them.

use std::time::Duration;

use limiter_core::store::contract::{block_on, counters};
use limiter_core::store::memcached::MemcachedStore;
use limiter_core::store::{Counters, Lifetime, Reply, StoreError};
use tests::memcached::{Memcached, any};
use tokio::runtime::Runtime;

use crate::in_real_time::InRealTime;

fn connected(runtime: &Runtime, address: &str) -> MemcachedStore {
    let builder = MemcachedStore::builder().reply_timeout(Duration::from_secs(2));
    runtime.block_on(builder.connect([address])).unwrap()
}

fn answer<T>(reply: Reply<Result<T, StoreError>>) -> Result<T, StoreError> {
    match reply {
        Reply::Now(answer) => answer,
        Reply::Later(answer) => block_on(answer),
    }
}

#[test]
fn counters_keep_their_contract() {
    let Some((address, _server)) = any() else { return };
    let runtime = Runtime::new().unwrap();
    let store = connected(&runtime, &address);
    counters::assert_keeps(&InRealTime::new(store, runtime));
}

#[test]
fn several_processes_never_exceed_a_sum_and_refuse_nothing_that_fits() {
    let Some(server) = Memcached::start(&[]) else { return };
    let runtime = Runtime::new().unwrap();
    let stores: Vec<_> = (0..4).map(|_| connected(&runtime, &server.address.to_string())).collect();
    let keys: Vec<String> = (0..4).map(|of| format!("{{jobs}}{of}")).collect();
    let raised: usize = std::thread::scope(|scope| {
        let raise = |store: &MemcachedStore, own: &str| {
            let once = || answer(store.incr_and_sum(own, &keys, 1, 50, Lifetime::QUARTER_HOUR)).unwrap();
            (0..25).filter(|_| once()).count()
        };
        let raising: Vec<_> =
            stores.iter().zip(&keys).map(|(store, own)| scope.spawn(move || raise(store, own))).collect();
        raising.into_iter().map(|raising| raising.join().unwrap()).sum()
    });
    assert_eq!(raised, 50);
    let held: i64 = keys.iter().map(|key| answer(stores[0].get(key)).unwrap().unwrap_or(0)).sum();
    assert_eq!(held, 50);
}

#[test]
fn a_sum_over_several_groups_is_refused_with_the_way_out() {
    let Some((address, _server)) = any() else { return };
    let runtime = Runtime::new().unwrap();
    let store = connected(&runtime, &address);
    let sum = store.incr_and_sum("{a}1", &["{a}2".to_owned(), "{b}1".to_owned()], 1, 9, Lifetime::QUARTER_HOUR);
    let error = answer(sum).unwrap_err();
    assert_eq!((error.kind(), error.is_outage()), ("unsupported", false));
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("`{b}1`") && why.contains("accepted: keys with the same text in braces"), "{why}");
    assert_eq!(answer(store.get("{a}1")).unwrap(), None);
}

#[test]
fn a_group_that_is_full_turns_new_counters_away_and_keeps_the_others() {
    let Some(server) = Memcached::start(&[]) else { return };
    let runtime = Runtime::new().unwrap();
    let store = connected(&runtime, &server.address.to_string());
    let raise = |at: usize| answer(store.incr(&format!("{{full}}{at}"), 1, 2, Lifetime::QUARTER_HOUR));
    for at in 0..1000 {
        assert!(raise(at).unwrap());
    }
    let error = raise(1000).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("room for 1000"), "{error:?}");
    assert!(raise(999).unwrap());
    assert!(answer(store.incr("{another}", 1, 1, Lifetime::QUARTER_HOUR)).unwrap());
}
