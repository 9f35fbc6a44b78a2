//! Exactness under threads: what is admitted is what the quota says, to the unit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, Limiter, Policy, Reply, Rule, Ruling};

fn limiter() -> Limiter {
    Limiter::builder().clock(ManualClock::new()).build()
}

fn one_rule(quota: &str, algorithm: Algorithm) -> Policy {
    Policy::new("exact", [Rule::new(quota.parse().unwrap()).algorithm(algorithm).key(Global)]).unwrap()
}

fn now(reply: Reply<Ruling>) -> Ruling {
    match reply {
        Reply::Now(ruling) => ruling,
        Reply::Later(_) => panic!("memory answers at once"),
    }
}

const MILLION: usize = 1_000_000;

/// Two threads ask so many times each; how many were admitted in all.
fn admitted_to_two(threads_ask: usize, quota: &str, algorithm: Algorithm) -> usize {
    let (limiter, policy, key) = (limiter(), one_rule(quota, algorithm), Key::everyone());
    let ask = || (0..threads_ask).filter(|_| limiter.check(&policy, &key).is_allowed()).count();
    std::thread::scope(|scope| {
        let other = scope.spawn(ask);
        ask() + other.join().unwrap()
    })
}

#[test]
fn two_threads_asking_a_million_times_each_are_admitted_exactly_the_burst_of_a_bucket() {
    assert_eq!(admitted_to_two(MILLION, "10/day burst 731", Algorithm::Bucket), 731);
}

#[test]
fn two_threads_asking_a_million_times_each_are_admitted_exactly_the_count_of_a_window() {
    assert_eq!(admitted_to_two(MILLION, "1000003/day", Algorithm::Fixed), 1_000_003);
}

#[test]
fn two_threads_are_admitted_exactly_the_count_of_an_aligned_window() {
    assert_eq!(admitted_to_two(100_000, "50003/day aligned utc", Algorithm::Fixed), 50_003);
}

#[test]
fn every_key_gets_exactly_its_burst_while_the_table_grows() {
    const KEYS: u64 = 2_000;
    let (limiter, policy) = (limiter(), one_rule("25/day", Algorithm::Bucket));
    let growing = AtomicBool::new(true);
    let ask = || {
        let rounds = (0..30).flat_map(|_| 0..KEYS);
        rounds.filter(|key| limiter.check(&policy, &Key::from(*key)).is_allowed()).count()
    };
    let admitted = std::thread::scope(|scope| {
        scope.spawn(|| {
            for key in KEYS.. {
                if !growing.load(Ordering::Relaxed) {
                    break;
                }
                assert!(limiter.check(&policy, &Key::from(key)).is_allowed());
            }
        });
        let other = scope.spawn(ask);
        let admitted = ask() + other.join().unwrap();
        growing.store(false, Ordering::Relaxed);
        admitted
    });
    assert_eq!(admitted, KEYS as usize * 25);
    assert!(limiter.memory().unwrap().stats().keys > KEYS as usize, "nothing was inserted meanwhile");
}

#[test]
fn permits_held_by_many_threads_never_exceed_the_limit_and_all_come_back() {
    const LIMIT: u32 = 3;
    let limiter = limiter();
    let policy = Policy::new("slots", [Rule::concurrent(LIMIT)]).unwrap();
    let (held, most, refused) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let ruling = now(limiter.decide_key(&policy, &Key::everyone(), 1));
                    if ruling.permit.is_some() {
                        most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(1, Ordering::SeqCst);
                    } else {
                        assert!(!ruling.decision.is_allowed());
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), LIMIT as usize, "the limit was passed, or never reached");
    assert!(refused.load(Ordering::SeqCst) > 0, "nobody had to be refused");
    assert_eq!(limiter.peek(&policy, &Key::everyone(), 0).usages()[0].remaining(), u64::from(LIMIT));
}

#[test]
fn permits_of_a_small_table_under_a_flood_of_keys_are_never_given_up() {
    let limiter = Limiter::builder().clock(ManualClock::new()).memory(MemoryStore::with_ceiling(16)).build();
    let policy = Policy::new("slots", [Rule::concurrent(1)]).unwrap();
    let held: Vec<Ruling> = (0..16u64).map(|key| now(limiter.decide_key(&policy, &Key::from(key), 1))).collect();
    assert!(held.iter().all(|ruling| ruling.permit.is_some()));
    for key in 16..1_000u64 {
        let ruling = now(limiter.decide_key(&policy, &Key::from(key), 1));
        assert!(!ruling.decision.is_allowed(), "a slot was given up for key {key}");
        assert_eq!(ruling.decision.retry_after(), None, "no time is known in which a slot comes back");
        assert_eq!(ruling.decision.usages()[0].remaining(), 0);
    }
    for key in 0..16u64 {
        assert!(!limiter.check(&policy, &Key::from(key)).is_allowed(), "key {key} lost its slot");
    }
    drop(held);
    assert!(limiter.check(&policy, &Key::from(999u64)).is_allowed());
}
