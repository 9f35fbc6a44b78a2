//! Slots that run out: what their holders, those who come later, and those who wait can rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use limiter_core::algorithm::Mismatch;
use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Answer, Capabilities, Operation, Store, StoreError};
use limiter_core::testing::ManualClock;
use limiter_core::time::TokioClock;
use limiter_core::{Algorithm, AtCeiling, Limiter, Policy, PolicyError, Reply, Rule, Wait};
use tokio::time::Instant;

fn leased(limit: u32, secs: u64) -> Policy {
    Policy::new("slots", [Rule::concurrent(limit).lease(Duration::from_secs(secs))]).unwrap()
}

fn rig() -> (ManualClock, Limiter) {
    let clock = ManualClock::new();
    (clock.clone(), Limiter::builder().clock(clock).build())
}

#[test]
fn fences_grow_and_a_holder_sees_that_it_was_overtaken() {
    let ((clock, limiter), mutex) = (rig(), leased(1, 10));
    let first = limiter.try_acquire(&mutex, &Key::everyone()).unwrap();
    clock.advance(Duration::from_secs(9));
    assert!(first.is_valid());
    let refused = limiter.try_acquire(&mutex, &Key::everyone()).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));
    clock.advance(Duration::from_secs(1));
    assert!(!first.is_valid());
    let second = limiter.try_acquire(&mutex, &Key::everyone()).unwrap();
    assert!(second.lease().unwrap().fence() > first.lease().unwrap().fence());
    drop(first);
    assert!(limiter.try_acquire(&mutex, &Key::everyone()).is_err(), "a late release frees nobody's slot");
}

#[test]
fn without_a_lease_a_slot_is_held_until_it_is_given_back() {
    let ((clock, limiter), slots) = (rig(), Policy::new("slots", [Rule::concurrent(1)]).unwrap());
    let held = limiter.try_acquire(&slots, &Key::everyone()).unwrap();
    clock.advance(Duration::from_secs(1_000_000));
    assert!(held.lease().is_none() && held.is_valid());
    assert!(limiter.try_acquire(&slots, &Key::everyone()).is_err());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slot_gets_it_when_its_lease_is_over_or_when_it_comes_back_before() {
    let limiter = Limiter::builder().clock(TokioClock::new()).build();
    let (mutex, start) = (leased(1, 10), Instant::now());
    let acquire = || limiter.acquire(&mutex, &Key::everyone(), Wait::up_to(Duration::from_secs(60)));
    let hangs = limiter.try_acquire(&mutex, &Key::everyone()).unwrap();
    let second = acquire().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    let third = tokio::spawn(acquire());
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(second);
    drop(third.await.unwrap().unwrap());
    assert_eq!(start.elapsed(), Duration::from_secs(13));
    drop(hangs);
    // A wait that is shorter than the lease is worth a try: the slot may come back before.
    let _fourth = limiter.try_acquire(&mutex, &Key::everyone()).unwrap();
    let short = limiter.acquire(&mutex, &Key::everyone(), Wait::up_to(Duration::from_secs(2)));
    assert_eq!(short.await.unwrap_err().waited(), Duration::from_secs(2));
}

#[test]
fn slots_that_are_held_are_not_given_up_for_new_keys() {
    for at_ceiling in [AtCeiling::Evict, AtCeiling::Refuse, AtCeiling::Overflow] {
        let clock = ManualClock::new();
        let limiter = Limiter::builder().clock(clock.clone()).memory(MemoryStore::with_ceiling(4)).build();
        let rule = Rule::concurrent(1).lease(Duration::from_secs(10)).at_ceiling(at_ceiling);
        let slots = Policy::new("slots", [rule]).unwrap();
        let flood: Vec<_> = (0..20u64).map(|key| limiter.try_acquire(&slots, &Key::from(key))).collect();
        let granted = flood.iter().filter(|held| held.is_ok()).count();
        assert_eq!(granted, if at_ceiling == AtCeiling::Overflow { 5 } else { 4 }, "{at_ceiling:?}");
        for key in 0..20u64 {
            assert!(limiter.try_acquire(&slots, &Key::from(key)).is_err(), "{at_ceiling:?}");
        }
        clock.advance(Duration::from_secs(10));
        assert!(limiter.try_acquire(&slots, &Key::from(99u64)).is_ok(), "{at_ceiling:?}");
        drop(flood);
    }
}

#[test]
fn a_lease_of_no_time_and_one_of_what_is_not_a_slot_are_refused() {
    let no_time = Policy::new("a", [Rule::concurrent(1).lease(Duration::ZERO)]).unwrap_err();
    assert!(matches!(no_time, PolicyError::Quota { mismatch: Mismatch::LeaseOfNoTime, .. }), "{no_time}");
    let rate = Rule::new("1/s".parse().unwrap()).key(Global).lease(Duration::from_secs(1));
    let on_rate = Policy::new("a", [rate]).unwrap_err();
    assert!(matches!(on_rate, PolicyError::Quota { mismatch: Mismatch::LeaseOnRate, .. }), "{on_rate}");
}

/// A store in another process, as far as its capabilities go.
#[derive(Debug)]
struct Elsewhere;

impl Store for Elsewhere {
    fn submit(&self, _: Operation) -> Reply<Result<Answer, StoreError>> {
        Reply::Now(Err(StoreError::unsupported()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&Algorithm::ALL, 16)
    }
}

#[test]
fn a_store_that_renews_leases_by_itself_refuses_a_rule_that_would_end_them() {
    let limiter = Limiter::builder().store(Elsewhere).build();
    let error = limiter.prepare(&leased(1, 60)).unwrap_err().to_string();
    assert!(error.contains("end the lease of a holder who lives"), "{error}");
    assert!(limiter.prepare(&Policy::new("slots", [Rule::concurrent(1)]).unwrap()).is_ok());
}
