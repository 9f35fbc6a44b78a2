//! Exact logs in the store of this process: bounded, atomic, given back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::store::Reply;
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, AtCeiling, Limiter, Policy, Quota, Rule, Ruling};

fn log(quota: &str) -> Rule {
    Rule::new(quota.parse().unwrap()).key(Global).algorithm(Algorithm::Log)
}

fn one(rule: Rule) -> Policy {
    Policy::new("log", [rule]).unwrap()
}

fn with(store: MemoryStore, clock: &ManualClock) -> Limiter {
    Limiter::builder().clock(clock.clone()).memory(store).build()
}

fn user(number: u64) -> Key {
    Key::from(number)
}

fn decide(limiter: &Limiter, policy: &Policy, key: &Key, cost: u64) -> Ruling {
    match limiter.decide_key(policy, key, cost) {
        Reply::Now(ruling) => ruling,
        Reply::Later(_) => panic!("the store is in this process"),
    }
}

#[test]
fn never_more_than_the_count_in_any_period_however_the_edges_fall() {
    let clock = ManualClock::new();
    let limiter = with(MemoryStore::new(), &clock);
    let policy = one(log("10/min"));
    let mut admitted: Vec<u64> = Vec::new();
    for second in 0..600 {
        for _ in 0..(second % 7) {
            if limiter.check(&policy, &user(1)).is_allowed() {
                admitted.push(second);
            }
        }
        clock.advance(Duration::from_secs(1));
    }
    for start in 0..600 {
        assert!(admitted.iter().filter(|at| (start..start + 60).contains(*at)).count() <= 10);
    }
    assert_eq!(admitted.len(), 100);
}

#[test]
fn many_threads_take_exactly_the_count() {
    let limiter = with(MemoryStore::new(), &ManualClock::new());
    let policy = one(log("50/min"));
    let passed: usize = std::thread::scope(|scope| {
        let attempts = || (0..20).filter(|_| limiter.check(&policy, &user(1)).is_allowed()).count();
        let threads: Vec<_> = (0..10).map(|_| scope.spawn(attempts)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 50);
}

#[test]
fn a_log_and_other_rules_are_charged_together_or_not_at_all() {
    let limiter = with(MemoryStore::new(), &ManualClock::new());
    let bucket = Rule::new(Quota::per_minute(3)).key(Global);
    let policy = Policy::new("both", [log("5/min"), bucket]).unwrap();
    let remaining = |cost| {
        let decision = limiter.check_cost(&policy, &user(1), cost);
        (decision.is_allowed(), decision.usages().iter().map(|usage| usage.remaining()).collect::<Vec<_>>())
    };
    assert_eq!(remaining(2), (true, vec![3, 1]));
    assert_eq!(remaining(2), (false, vec![3, 1]));
    assert_eq!(remaining(1), (true, vec![2, 0]));
}

#[test]
fn two_rules_on_one_log_see_what_the_other_takes() {
    let limiter = with(MemoryStore::new(), &ManualClock::new());
    let shared = || log("5/min").scope("shared");
    let policy = Policy::new("twice", [shared(), shared()]).unwrap();
    let passed = (0..10).filter(|_| limiter.check(&policy, &user(1)).is_allowed()).count();
    assert_eq!(passed, 2, "each request takes two of five");
    let last = limiter.check(&policy, &user(1));
    let numbers: Vec<_> = last.usages().iter().map(|usage| (usage.is_violated(), usage.remaining())).collect();
    assert_eq!(numbers, [(false, 1), (true, 1)]);
    assert_eq!(last.retry_after(), Some(Duration::from_secs(60)));
}

#[test]
fn a_peek_takes_nothing_a_refund_gives_back_and_a_reset_forgets() {
    let clock = ManualClock::new();
    let limiter = with(MemoryStore::new(), &clock);
    let policy = one(log("5/min"));
    let remaining = || limiter.peek(&policy, &user(1), 1).usages()[0].remaining();
    let first = decide(&limiter, &policy, &user(1), 2);
    clock.advance(Duration::from_secs(1));
    decide(&limiter, &policy, &user(1), 3).receipt.keep();
    assert_eq!(remaining(), 0);
    limiter.refund(first.receipt);
    assert_eq!(remaining(), 2);
    assert_eq!(remaining(), 2);
    limiter.reset(&policy, &user(1)).unwrap();
    assert_eq!(remaining(), 5);
    assert_eq!(limiter.memory().unwrap().stats().log_bytes, 0);
}

#[test]
fn what_left_the_window_is_not_given_back_into_the_next() {
    let clock = ManualClock::new();
    let limiter = with(MemoryStore::new(), &clock);
    let policy = one(log("5/min"));
    let early = decide(&limiter, &policy, &user(1), 5);
    clock.advance(Duration::from_secs(60));
    decide(&limiter, &policy, &user(1), 4).receipt.keep();
    limiter.refund(early.receipt);
    assert_eq!(limiter.peek(&policy, &user(1), 1).usages()[0].remaining(), 1);
}

#[test]
fn logs_of_idle_keys_are_dropped_and_their_memory_given_back() {
    let clock = ManualClock::new();
    let limiter = with(MemoryStore::with_ceiling(10_000), &clock);
    let policy = one(log("5/min"));
    for key in 0..5_000 {
        assert!(limiter.check(&policy, &user(key)).is_allowed());
    }
    let store = limiter.memory().unwrap();
    assert!(store.stats().log_bytes > 5_000 * 64);
    clock.advance(Duration::from_secs(61));
    for key in 0..2 * store.shards() as u64 {
        let _ = limiter.check(&policy, &user(key % 4));
    }
    let stats = store.stats();
    assert_eq!(stats.keys, 4);
    assert!(stats.log_bytes < 4 * 1024, "{}", stats.log_bytes);
}

#[test]
fn bytes_are_bounded_and_a_log_short_of_them_errs_against_its_caller() {
    let clock = ManualClock::new();
    let ceiling = 32 << 10;
    let limiter = with(MemoryStore::with_ceilings(1_000, ceiling), &clock);
    let policy = one(log("10000/min"));
    let mut admitted = 0;
    for _ in 0..20_000 {
        admitted += u64::from(limiter.check(&policy, &user(1)).is_allowed());
        clock.advance(Duration::from_millis(1));
    }
    assert_eq!(admitted, 10_000);
    assert!(limiter.memory().unwrap().stats().log_bytes <= ceiling);
    clock.advance(Duration::from_secs(60));
    assert_eq!(limiter.peek(&policy, &user(1), 1).usages()[0].remaining(), 10_000);
}

#[test]
fn at_the_ceiling_of_bytes_the_rule_chooses_what_becomes_of_new_keys() {
    let clock = ManualClock::new();
    let ceiling = 16 << 10;
    let run = |choice: AtCeiling| {
        let limiter = with(MemoryStore::with_ceilings(100_000, ceiling), &clock);
        let policy = one(log("2/min").at_ceiling(choice));
        let passed = (0..5_000).filter(|key| limiter.check(&policy, &user(*key)).is_allowed()).count();
        let stats = limiter.memory().unwrap().stats();
        assert!(stats.log_bytes <= ceiling + 1024, "{choice:?}: {}", stats.log_bytes);
        (passed, stats)
    };
    let (passed, stats) = run(AtCeiling::Refuse);
    assert!(passed < 300 && stats.turned_away as usize == 5_000 - passed);
    let (passed, stats) = run(AtCeiling::Overflow);
    assert!(passed < 300 && stats.shared > 4_000);
    let (_, stats) = run(AtCeiling::Evict);
    assert!(stats.evicted > 0 && stats.keys < 300);
}

#[test]
fn a_flood_of_new_keys_forgets_the_flood_and_not_the_one_that_is_spent() {
    let clock = ManualClock::new();
    for algorithm in [Algorithm::Log, Algorithm::Sliding, Algorithm::Interval] {
        let limiter = with(MemoryStore::with_ceiling(1_000), &clock);
        let policy = one(log("5/min").algorithm(algorithm));
        assert_eq!((0..9).filter(|_| limiter.check(&policy, &user(0)).is_allowed()).count(), 5, "{algorithm}");
        for key in 1..20_000 {
            assert!(limiter.check(&policy, &user(key)).is_allowed(), "{algorithm}");
            assert!(key % 100 > 0 || !limiter.check(&policy, &user(0)).is_allowed(), "{algorithm}: freed by key {key}");
        }
        let stats = limiter.memory().unwrap().stats();
        assert!(stats.evicted > 10_000 && stats.keys <= 1_024, "{algorithm}: {stats:?}");
    }
}

#[test]
fn keys_that_share_a_cell_go_on_sharing_it_until_it_is_spent_no_more() {
    let clock = ManualClock::new();
    let limiter = with(MemoryStore::with_ceiling(2), &clock);
    let policy = one(log("3/min").at_ceiling(AtCeiling::Overflow));
    let passes = |key| limiter.check(&policy, &user(key)).is_allowed();
    assert!(passes(1) && passes(2));
    clock.advance(Duration::from_secs(30));
    assert!(passes(3) && passes(4) && passes(3));
    assert!(!passes(5), "the shared cell is spent");
    clock.advance(Duration::from_secs(30));
    assert!(!passes(4), "there is room again, but what it took stands in the shared cell");
    clock.advance(Duration::from_secs(30));
    assert!(passes(3) && passes(4));
}
