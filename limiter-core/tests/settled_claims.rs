//! Claims of plain callers that are settled once their outcome is known: what is held, what is given
//! back, and who waits for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::settle::Settle;
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, ManualClock};
use limiter_core::time::TokioClock;
use limiter_core::{Algorithm, Claim, Exceeded, Held, Limiter, Outcome, Policy, Quota, Rule, Wait};
use tokio::time::{Instant, sleep};

const MINUTE: Wait = Wait::up_to(Duration::from_secs(60));
const NO_WAIT: Wait = Wait::up_to(Duration::ZERO);

fn limiter() -> (Limiter, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::builder().clock(clock.clone()).build(), clock)
}

fn paused() -> Limiter {
    Limiter::builder().clock(TokioClock::new()).build()
}

fn policy(quota: &str, settle: Settle) -> Policy {
    Policy::new("p", [Rule::new(quota.parse().unwrap()).key(Global).settle(settle)]).unwrap()
}

fn key() -> Key {
    Key::everyone()
}

fn remaining(limiter: &Limiter, policy: &Policy) -> u64 {
    limiter.peek(policy, &key(), 0).usages()[0].remaining()
}

fn take(limiter: &Limiter, policy: &Policy, cost: u64) -> Held {
    limiter.try_claim(&Claim::new(policy, &key()).cost(cost)).unwrap()
}

#[test]
fn a_claim_is_settled_to_less_and_to_more_than_it_took_and_its_numbers_follow() {
    let ((limiter, clock), policy) = (limiter(), policy("100/min", Settle::by_handler()));
    let mut less = take(&limiter, &policy, 40);
    assert!(less.settle(15));
    assert_eq!((less.decision().usages()[0].remaining(), remaining(&limiter, &policy)), (85, 85));
    let mut more = take(&limiter, &policy, 40);
    assert!(more.settle(145));
    drop((less, more));
    // Sixty too many: the key is in debt, and waits for one unit more than that.
    let refused = limiter.try_acquire(&policy, &key()).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(36_600)));
    clock.advance(Duration::from_millis(36_600));
    assert!(limiter.try_acquire(&policy, &key()).is_ok());
}

#[test]
fn the_first_word_counts_and_what_nobody_settles_stands() {
    let ((limiter, _), policy) = (limiter(), policy("100/min", Settle::by_handler()));
    let mut held = take(&limiter, &policy, 10);
    assert!(held.settle(1));
    assert!(!held.settle(50) && !held.succeeded());
    drop(held);
    drop(take(&limiter, &policy, 9));
    assert_eq!(remaining(&limiter, &policy), 90);
}

#[test]
fn a_word_that_comes_late_changes_nothing() {
    for (settle, left) in [(Settle::failed(), 2), (Settle::failed().or_give_back(), 3)] {
        let ((limiter, clock), policy) = (limiter(), policy("3/h", settle.within(Duration::from_secs(10))));
        let mut held = take(&limiter, &policy, 1);
        clock.advance(Duration::from_secs(10));
        assert!(!held.succeeded());
        assert_eq!(remaining(&limiter, &policy), left);
        drop(held);
        assert_eq!((remaining(&limiter, &policy), limiter.unsettled()), (left, 0));
    }
}

#[test]
fn failures_count_and_successes_do_not_in_both_modes() {
    for settle in [Settle::failed(), Settle::failed().lenient(4)] {
        let ((limiter, _), policy) = (limiter(), policy("3/min", settle));
        (0..100).for_each(|_| assert!(take(&limiter, &policy, 1).succeeded()));
        (0..3).for_each(|_| assert!(take(&limiter, &policy, 1).failed()));
        assert_eq!(limiter.try_acquire(&policy, &key()).unwrap_err().reason(), Exceeded::Spent);
    }
}

#[test]
fn a_claim_that_panics_or_is_dropped_counts_as_it_was_charged_and_a_question_takes_nothing() {
    for settle in [Settle::failed(), Settle::failed().lenient(4)] {
        let ((limiter, _), policy) = (limiter(), policy("3/min", settle));
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = take(&limiter, &policy, 1);
            panic!("the work panics");
        }));
        assert!(panics.is_err());
        drop(take(&limiter, &policy, 1));
        assert_eq!((remaining(&limiter, &policy), limiter.unsettled()), (1, 0));
        take(&limiter, &policy, 1).undo();
        assert_eq!(remaining(&limiter, &policy), 1);
    }
}

#[test]
fn no_more_lenient_claims_are_under_way_than_the_rule_lets_in() {
    let ((limiter, _), policy) = (limiter(), policy("3/min", Settle::failed().lenient(10)));
    let held: Vec<_> = (0..10).map(|_| take(&limiter, &policy, 1)).collect();
    let refused = limiter.try_acquire(&policy, &key()).unwrap_err();
    assert_eq!(refused.decision().usages()[0].outcome(), Outcome::InFlight);
    assert_eq!((refused.rule(), refused.reason()), (Some("p"), Exceeded::Spent));
    drop(held);
    assert_eq!(limiter.unsettled(), 0);
}

#[test]
fn of_a_thousand_failures_side_by_side_no_more_pass_than_the_mode_says() {
    for (settle, most) in [(Settle::failed(), 3), (Settle::failed().lenient(10), 3 - 1 + 10)] {
        let ((limiter, _), policy) = (limiter(), policy("3/min", settle));
        let passed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..125 {
                        if let Ok(mut held) = limiter.try_acquire(&policy, &key()) {
                            passed.fetch_add(1, Ordering::SeqCst);
                            std::thread::yield_now();
                            held.failed();
                        }
                    }
                });
            }
        });
        assert!((3..=most).contains(&passed.into_inner()));
        assert_eq!(limiter.unsettled(), 0);
    }
}

#[test]
fn of_several_policies_each_is_settled_and_corrected_by_itself() {
    let (limiter, _) = limiter();
    let requests = Policy::new("requests", [Rule::new("10/min".parse().unwrap()).key(Global)]).unwrap();
    let [tokens, bytes] = [("tokens", 100), ("bytes", 1000)].map(|(name, count)| {
        let rule = Rule::new(Quota::per_minute(count)).key(Global).settle(Settle::by_handler());
        Policy::new(name, [rule]).unwrap()
    });
    let claim = Claim::new(&requests, &key()).and(&tokens, &key()).cost(50).and(&bytes, &key()).cost(500);
    let mut held = limiter.try_claim(&claim).unwrap();
    assert!(held.settle(20));
    let left: Vec<_> = held.decision().usages().iter().map(|usage| usage.remaining()).collect();
    assert_eq!(left, [9, 80, 980]);
    assert_eq!([&requests, &tokens, &bytes].map(|policy| remaining(&limiter, policy)), [9, 80, 980]);
}

#[test]
fn a_refused_claim_leaves_nobody_under_way_and_takes_nothing_of_the_others() {
    let (limiter, _) = limiter();
    let [login, slots] = [policy("3/min", Settle::failed()), Policy::new("s", [Rule::concurrent(1)]).unwrap()];
    let claim = Claim::new(&login, &key()).and(&slots, &key());
    let held = limiter.try_claim(&claim).unwrap();
    assert_eq!(limiter.try_claim(&claim).unwrap_err().rule(), Some("s"));
    assert_eq!((limiter.unsettled(), remaining(&limiter, &login)), (1, 2));
    drop(held);
    assert_eq!((limiter.unsettled(), remaining(&limiter, &login)), (0, 2));
}

#[test]
fn what_a_stream_took_is_said_from_elsewhere() {
    let ((limiter, _), policy) = (limiter(), policy("100/min", Settle::by_handler()));
    let held = take(&limiter, &policy, 50);
    let settlement = held.settlement().unwrap();
    drop(held);
    assert!(settlement.cost(7));
    drop(settlement);
    assert_eq!(remaining(&limiter, &policy), 93);
    assert!(take(&limiter, &self::policy("3/min", Settle::failed()), 1).settlement().is_none());
}

#[test]
fn a_caller_with_a_quota_of_its_own_keeps_what_it_has_used() {
    let (limiter, _) = limiter();
    let rate = Rule::new("2/min".parse().unwrap()).key(Global).algorithm(Algorithm::Fixed);
    let policy = Policy::new("p", [rate, Rule::concurrent(3)]).unwrap();
    let ask = |quota: Quota| limiter.try_claim(&Claim::new(&policy, &key()).quota(quota));
    let limits = |held: &Held| held.decision().usages().iter().map(|usage| usage.limit()).collect::<Vec<_>>();
    let first = ask(Quota::per_minute(2)).unwrap();
    assert_eq!(limits(&first), [2, 3]);
    let second = ask(Quota::per_minute(5)).unwrap();
    // Slots have no quota.
    assert_eq!((limits(&second), second.decision().usages()[0].remaining()), (vec![5, 3], 3));
    drop((first, second));
    // One for whom there is no limit has none of these rules, and slots all the same.
    let exempt: Vec<_> = (0..3).map(|_| ask(Quota::UNLIMITED).unwrap()).collect();
    assert_eq!(ask(Quota::UNLIMITED).unwrap_err().rule(), Some("p-2"));
    drop(exempt);
    assert_eq!(ask(Quota::per_minute(2)).unwrap_err().rule(), Some("p"));
}

#[tokio::test(start_paused = true)]
async fn ten_good_claims_at_once_all_pass_when_they_wait_for_those_under_way() {
    for settle in [Settle::failed(), Settle::failed().wait(32, Duration::from_secs(60)), Settle::failed().lenient(4)] {
        let (limiter, policy) = (Arc::new(paused()), policy("3/h", settle));
        let most = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let start = Instant::now();
        let logins: Vec<_> = (0..10)
            .map(|_| {
                let (limiter, policy, most) = (Arc::clone(&limiter), policy.clone(), Arc::clone(&most));
                tokio::spawn(async move {
                    let mut held = limiter.acquire(&policy, &key(), MINUTE).await.unwrap();
                    most.1.fetch_max(most.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    sleep(Duration::from_secs(1)).await;
                    most.0.fetch_sub(1, Ordering::SeqCst);
                    held.succeeded()
                })
            })
            .collect();
        for login in logins {
            assert!(login.await.unwrap());
        }
        // In threes (or fours), and no later than those before have ended.
        assert!(most.1.load(Ordering::SeqCst) <= 4 && start.elapsed() <= Duration::from_secs(4));
        assert_eq!((remaining(&limiter, &policy), limiter.unsettled()), (3, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_outcomes_alone_is_refused_when_the_last_under_way_has_counted() {
    let (limiter, policy) = (paused(), policy("1/10s", Settle::failed().wait(8, Duration::from_secs(60))));
    let (start, mut held) = (Instant::now(), limiter.acquire(&policy, &key(), NO_WAIT).await.unwrap());
    let waits = limiter.acquire(&policy, &key(), MINUTE);
    let fails = async {
        sleep(Duration::from_secs(2)).await;
        held.failed()
    };
    let (waited, failed) = tokio::join!(waits, fails);
    assert!(failed && start.elapsed() == Duration::from_secs(2));
    assert_eq!(waited.unwrap_err().reason(), Exceeded::Spent);
    // Without this mode it waits for the quota too.
    let strict = self::policy("1/10s", Settle::failed());
    let _held = limiter.acquire(&strict, &key(), NO_WAIT).await.unwrap();
    assert!(limiter.acquire(&strict, &key(), MINUTE).await.is_ok());
    assert_eq!(start.elapsed(), Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn a_claim_waits_for_those_under_way_although_the_quota_takes_longer_than_it_has() {
    let (limiter, policy) = (paused(), policy("1/h", Settle::failed()));
    let mut held = limiter.acquire(&policy, &key(), NO_WAIT).await.unwrap();
    let succeeds = async {
        sleep(Duration::from_secs(2)).await;
        held.succeeded()
    };
    let (waited, succeeded) = tokio::join!(limiter.acquire(&policy, &key(), MINUTE), succeeds);
    assert!(succeeded && waited.is_ok_and(|held| held.waited() == Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_later_settles_claims_too() {
    for settle in [Settle::failed(), Settle::failed().lenient(4)] {
        let store = FailingStore::new(MemoryStore::new());
        store.switch().answer_later(true);
        let limiter = Limiter::builder().clock(TokioClock::new()).store(store).build();
        let policy = policy("3/h", settle);
        for _ in 0..20 {
            assert!(limiter.acquire(&policy, &key(), NO_WAIT).await.unwrap().succeeded());
            sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..3 {
            assert!(limiter.acquire(&policy, &key(), NO_WAIT).await.unwrap().failed());
            sleep(Duration::from_millis(1)).await;
        }
        assert!(limiter.acquire(&policy, &key(), NO_WAIT).await.is_err());
        assert_eq!(limiter.unsettled(), 0);
        // One that goes away before the store has answered leaves its place.
        let mut gone = Box::pin(limiter.acquire(&policy, &key(), NO_WAIT));
        let _: core::task::Poll<_> =
            core::future::Future::poll(gone.as_mut(), &mut core::task::Context::from_waker(core::task::Waker::noop()));
        drop(gone);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(limiter.unsettled(), 0);
    }
}
