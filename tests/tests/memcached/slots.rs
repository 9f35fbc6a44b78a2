//! Slots of concurrent limits: held, renewed, lost, and given back after a crash.

use std::sync::Arc;
use std::time::{Duration, Instant};

use limiter_core::algorithm::Params;
use limiter_core::store::contract::StoreUnderTest;
use limiter_core::store::{Lease, Mode, Operation};
use limiter_core::time::SystemClock;
use smallvec::SmallVec;

use crate::fixture::{Fixture, bare, item};

/// With leases of a second, as short as they can be, and the machine's own clock.
fn fixture() -> Option<Fixture> {
    let server = tests::memcached::Memcached::start(&[])?;
    let address = server.address.to_string();
    Some(Fixture::with(&[address], Some(server), |builder| {
        builder.lease(Duration::from_secs(1)).clock(SystemClock::new())
    }))
}

fn take(fixture: &Fixture, cost: u64) -> Option<Arc<Lease>> {
    let decided = fixture.decide(item("k", Params::concurrent(3), cost, Mode::Charge)).unwrap();
    assert_eq!(decided.allowed, decided.lease.is_some());
    decided.lease
}

fn free(fixture: &Fixture) -> u64 {
    let seen = fixture.decide(item("k", Params::concurrent(3), 0, Mode::Peek)).unwrap();
    Params::concurrent(3).remaining(seen.items[0].state, fixture.now())
}

fn release(fixture: &Fixture, lease: &Arc<Lease>) {
    let (charges, lease) = (SmallVec::new(), Some(Arc::clone(lease)));
    fixture.operate(Operation::Release { now: fixture.now(), charges, lease }).unwrap();
}

/// Until it is so; the server's clock and its expiry cannot be moved by hand.
fn until(patience: Duration, mut so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < patience, "it did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

#[test]
fn slots_are_given_back_once_and_a_late_release_frees_nobody_elses() {
    let Some(fixture) = fixture() else { return };
    let (one, two) = (take(&fixture, 1).unwrap(), take(&fixture, 2).unwrap());
    assert!(take(&fixture, 1).is_none());
    release(&fixture, &two);
    assert_eq!(free(&fixture), 2);
    let again = take(&fixture, 2).unwrap();
    release(&fixture, &two);
    assert_eq!(free(&fixture), 0, "a second release freed what is another's");
    release(&fixture, &one);
    release(&fixture, &again);
    assert_eq!(free(&fixture), 3);
}

#[test]
fn slots_of_a_process_that_died_come_back_and_those_of_the_living_stay() {
    let Some(fixture) = fixture() else { return };
    let living = take(&fixture, 1).unwrap();
    let address = fixture.server.as_ref().unwrap().address.to_string();
    let dying = Fixture::with(&[address], None, |builder| builder.lease(Duration::from_secs(1)));
    let lost = take(&dying, 2).unwrap();
    assert_eq!(free(&fixture), 0);
    // Its runtime ends with all its tasks: nobody gives back, and nobody renews.
    drop(dying);
    let waited = until(Duration::from_secs(8), || free(&fixture) == 2);
    assert!(waited > Duration::from_secs(1), "they came back while they could still be used: {waited:?}");
    assert!(!living.is_lost(), "it was renewed all the while");
    drop(lost);
}

#[test]
fn a_holder_is_told_when_its_slots_are_lost() {
    let Some(fixture) = fixture() else { return };
    let lease = take(&fixture, 2).unwrap();
    fixture.server.as_ref().unwrap().say("flush_all");
    let told = fixture.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), lease.lost()).await });
    assert!(told.is_ok(), "nobody said so");
    assert!(lease.is_lost());
    assert_eq!(fixture.store.stats().lost, 1);
    assert_eq!(free(&fixture), 3);
}

#[test]
fn a_holder_is_told_when_the_server_is_gone_for_longer_than_the_lease() {
    let Some(mut fixture) = fixture() else { return };
    let lease = take(&fixture, 1).unwrap();
    fixture.server().kill();
    let began = Instant::now();
    let told = fixture.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(4), lease.lost()).await });
    assert!(told.is_ok() && began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
}

#[test]
fn slots_whose_holder_left_before_it_was_answered_come_back() {
    let Some(fixture) = fixture() else { return };
    for _ in 0..20 {
        let items = SmallVec::from_iter([item("k", Params::concurrent(3), 1, Mode::Charge)]);
        let decide = limiter_core::store::Decide { now: fixture.now(), items };
        drop(limiter_core::store::Store::submit(&fixture.store, Operation::Decide(decide)));
    }
    // Whether the answer was dropped before it was made or after, nobody renews what nobody holds.
    until(Duration::from_secs(2), || free(&fixture) == 3);
}

#[test]
fn no_more_hold_slots_at_once_than_there_are_in_several_processes() {
    let Some(fixture) = fixture() else { return };
    let address = fixture.server.as_ref().unwrap().address.to_string();
    let granted = fixture.runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let store = bare().connect([address.clone()]).await.unwrap();
            for _ in 0..5 {
                let store = store.clone();
                let now = fixture.now();
                tasks.push(tokio::task::spawn_blocking(move || {
                    let items = SmallVec::from_iter([item("k", Params::concurrent(3), 1, Mode::Charge)]);
                    match crate::fixture::operate(&store, Operation::Decide(limiter_core::store::Decide { now, items }))
                    {
                        Ok(limiter_core::store::Answer::Decided(decided)) => decided.lease.map(|lease| (store, lease)),
                        other => panic!("{other:?}"),
                    }
                }));
            }
        }
        let mut granted = Vec::new();
        for task in tasks {
            granted.extend(task.await.unwrap());
        }
        granted
    });
    assert_eq!(granted.len(), 3);
}
