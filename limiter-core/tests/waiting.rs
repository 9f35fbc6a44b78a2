//! Acquiring with and without waiting: who gets what, in which order, and at which instant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use limiter_core::event::Event;
use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, Switch};
use limiter_core::time::TokioClock;
use limiter_core::{Claim, Exceeded, Limiter, Observer, OnStoreError, Policy, RateLimitExceeded, Rule, Wait};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const MINUTE: Wait = Wait::up_to(Duration::from_secs(60));

fn limiter() -> Limiter {
    Limiter::builder().clock(TokioClock::new()).build()
}

fn slots(limit: u32) -> Policy {
    Policy::new("slots", [Rule::concurrent(limit)]).unwrap()
}

fn rate(quota: &str) -> Policy {
    Policy::new("rate", [Rule::new(quota.parse().unwrap()).key(Global)]).unwrap()
}

fn key() -> Key {
    Key::from("somebody@example.org")
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets whatever was woken run.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// A store that answers when it is polled again, and what commands it.
fn later(rule: Rule) -> (Limiter, Policy, Switch) {
    let store = FailingStore::new(MemoryStore::new());
    let switch = store.switch();
    switch.answer_later(true);
    (Limiter::builder().clock(TokioClock::new()).store(store).build(), Policy::new("later", [rule]).unwrap(), switch)
}

#[test]
fn a_slot_comes_back_at_the_end_of_the_scope_by_an_error_and_by_a_panic() {
    let (limiter, policy) = (Limiter::in_memory(), slots(1));
    let fails = || -> Result<(), Box<dyn std::error::Error>> {
        let _held = limiter.try_acquire(&policy, &key())?;
        Err("the work failed".into())
    };
    for _ in 0..2 {
        assert_eq!(fails().unwrap_err().to_string(), "the work failed");
    }
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = limiter.try_acquire(&policy, &key()).unwrap();
        panic!("the work panicked");
    }));
    assert!(panics.is_err());
    assert!(limiter.try_acquire(&policy, &key()).is_ok());
}

#[test]
fn a_refusal_says_which_rule_and_when_to_retry_and_not_whose_key_it_was() {
    let (limiter, policy) = (Limiter::in_memory(), rate("1/min"));
    let _held = limiter.try_acquire(&policy, &key()).unwrap();
    let refused = limiter.try_acquire(&policy, &key()).unwrap_err();
    assert_eq!((refused.rule(), refused.reason(), refused.waited()), (Some("rate"), Exceeded::Spent, Duration::ZERO));
    assert!(refused.retry_after().unwrap() > Duration::from_secs(59));
    let text = format!("{refused} {refused:?}");
    assert!(text.contains("text[20]") && !text.contains("somebody"), "{text}");

    let refused = limiter.try_claim(&Claim::new(&rate("5/min"), &key()).cost(6)).unwrap_err();
    assert_eq!((refused.reason(), refused.retry_after()), (Exceeded::NeverFits, None));
    assert_eq!(refused.to_string(), "rate limit `rate` is exceeded, which can never admit so much at once");
}

#[test]
fn what_is_undone_was_never_charged() {
    let (limiter, policy) = (Limiter::in_memory(), rate("1/min"));
    for _ in 0..3 {
        limiter.try_acquire(&policy, &key()).unwrap().undo();
    }
    drop(limiter.try_acquire(&policy, &key()).unwrap());
    assert!(limiter.try_acquire(&policy, &key()).is_err());
}

#[test]
fn of_a_hierarchy_all_are_charged_or_none_and_the_refusal_names_the_one_that_refused() {
    let limiter = Limiter::in_memory();
    let [everybody, service, endpoint] = [("everybody", "10/min"), ("service", "5/min"), ("endpoint", "2/min")]
        .map(|(name, quota)| Policy::new(name, [Rule::new(quota.parse().unwrap()).key(Global)]).unwrap());
    let claim = |path: &str| {
        Claim::new(&everybody, &Key::everyone()).and(&service, &Key::from("search")).and(&endpoint, &Key::from(path))
    };
    let left = |policy: &Policy, key: Key| limiter.peek(policy, &key, 1).usages()[0].remaining();
    for _ in 0..2 {
        let held = limiter.try_claim(&claim("/a")).unwrap();
        assert_eq!(held.decision().usages().len(), 3);
    }
    for _ in 0..3 {
        assert_eq!(limiter.try_claim(&claim("/a")).unwrap_err().rule(), Some("endpoint"));
    }
    assert_eq!((left(&everybody, Key::everyone()), left(&service, Key::from("search"))), (8, 3));
    for path in ["/b", "/b", "/c"] {
        drop(limiter.try_claim(&claim(path)).unwrap());
    }
    let refused = limiter.try_claim(&claim("/d")).unwrap_err();
    assert_eq!((refused.rule(), refused.key()), (Some("service"), Some(&Key::from("search"))));
    assert_eq!((left(&everybody, Key::everyone()), left(&endpoint, Key::from("/d"))), (5, 2));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken_at_the_instant_its_unit_comes_back_and_asks_no_sooner() {
    let store = FailingStore::new(MemoryStore::new());
    let switch = store.switch();
    let limiter = Limiter::builder().clock(TokioClock::new()).store(store).build();
    let (policy, start) = (rate("1/10s"), Instant::now());
    let _first = limiter.acquire(&policy, &key(), MINUTE).await.unwrap();
    let second = limiter.acquire(&policy, &key(), MINUTE).await.unwrap();
    assert_eq!((start.elapsed(), second.waited()), (Duration::from_secs(10), Duration::from_secs(10)));
    // The first was asked once; the second when it came, when it stood in line, and when it was time.
    assert_eq!(switch.submitted(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_slot_given_back_wakes_the_next_in_line_at_once() {
    let (limiter, policy, start) = (limiter(), slots(1), Instant::now());
    let held = limiter.acquire(&policy, &key(), MINUTE).await.unwrap();
    let mut next = pin!(limiter.acquire(&policy, &key(), MINUTE));
    assert!(poll(next.as_mut()).is_pending());
    assert_eq!((limiter.waiting(&policy, &key()), limiter.waiting_in_all()), (1, 1));
    sleep(Duration::from_secs(3)).await;
    drop(held);
    assert_eq!(next.await.unwrap().waited(), Duration::from_secs(3));
    assert_eq!((start.elapsed(), limiter.waiting_in_all()), (Duration::from_secs(3), 0));
}

#[tokio::test(start_paused = true)]
async fn a_permit_of_a_request_wakes_those_who_wait_too() {
    let (limiter, policy) = (limiter(), slots(1));
    let limiter_core::Reply::Now(ruling) = limiter.decide_key(&policy, &key(), 1) else { panic!("later") };
    let mut next = pin!(limiter.acquire(&policy, &key(), MINUTE));
    assert!(poll(next.as_mut()).is_pending());
    drop(ruling.permit);
    assert!(poll(next.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_refund_wakes_those_who_wait_too() {
    let (limiter, policy) = (limiter(), rate("1/10s"));
    let held = limiter.try_acquire(&policy, &key()).unwrap();
    let mut next = pin!(limiter.acquire(&policy, &key(), MINUTE));
    assert!(poll(next.as_mut()).is_pending());
    held.undo();
    assert!(poll(next.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn first_come_is_first_served_and_nobody_pushes_in() {
    let (limiter, policy) = (limiter(), rate("1/s"));
    let served = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (limiter, policy, served) = (limiter.clone(), policy.clone(), Arc::clone(&served));
        tasks.spawn(async move {
            let held = limiter.acquire(&policy, &key(), MINUTE).await.unwrap();
            assert_eq!(served.fetch_add(1, Ordering::SeqCst), number);
            assert_eq!(held.waited(), Duration::from_secs(number as u64));
        });
        settle().await;
    }
    sleep(Duration::from_millis(1500)).await;
    let refused = limiter.try_acquire(&policy, &key()).unwrap_err();
    assert_eq!(refused.reason(), Exceeded::OthersWait);
    assert!(limiter.try_acquire(&policy, &Key::from("another")).is_ok());
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(limiter.waiting_in_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn under_overload_the_newest_go_first_where_that_was_chosen() {
    let (limiter, policy) = (limiter(), rate("1/s"));
    let wait = MINUTE.queue(8).newest_first_under_overload();
    drop(limiter.try_acquire(&policy, &key()).unwrap());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..7 {
        let (limiter, policy, tell) = (limiter.clone(), policy.clone(), tell.clone());
        tokio::spawn(async move {
            let held = limiter.acquire(&policy, &key(), wait).await.unwrap();
            tell.send((number, held.waited().as_secs())).unwrap();
        });
        settle().await;
    }
    let mut order = Vec::new();
    for _ in 0..7 {
        order.push(told.recv().await.unwrap());
    }
    // While more than four wait the newest are served, then the oldest.
    assert_eq!(order, [(6, 1), (5, 2), (4, 3), (0, 4), (1, 5), (2, 6), (3, 7)]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_to_a_full_queue_is_refused_at_once() {
    let (limiter, policy, start) = (limiter(), slots(1), Instant::now());
    let _held = limiter.try_acquire(&policy, &key()).unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(limiter.acquire(&policy, &key(), MINUTE.queue(3)))).collect();
    assert!(waiting.iter_mut().all(|wait| poll(wait.as_mut()).is_pending()));
    let refused = limiter.acquire(&policy, &key(), MINUTE.queue(3)).await.unwrap_err();
    assert_eq!(
        (refused.reason(), refused.rule(), start.elapsed()),
        (Exceeded::QueueFull, Some("slots"), Duration::ZERO)
    );
    // Another key has a queue of its own.
    assert!(limiter.acquire(&policy, &Key::from("another"), MINUTE.queue(3)).await.is_ok());
    waiting.pop();
    let mut next = pin!(limiter.acquire(&policy, &key(), MINUTE.queue(3)));
    assert!(poll(next.as_mut()).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_deadline_and_not_where_it_is_known_to_be_too_short() {
    let (limiter, policy, start) = (limiter(), slots(1), Instant::now());
    let held = limiter.try_acquire(&policy, &key()).unwrap();
    let refused = limiter.acquire(&policy, &key(), Wait::up_to(Duration::from_millis(1500))).await.unwrap_err();
    assert_eq!((refused.reason(), refused.waited()), (Exceeded::TimedOut, Duration::from_millis(1500)));
    assert_eq!((start.elapsed(), refused.rule()), (Duration::from_millis(1500), Some("slots")));
    assert!(refused.to_string().ends_with("even after 1.5s"), "{refused}");
    drop(held);

    let (policy, start) = (rate("1/min"), Instant::now());
    drop(limiter.try_acquire(&policy, &key()).unwrap());
    let refused = limiter.acquire(&policy, &key(), Wait::up_to(Duration::from_secs(59))).await.unwrap_err();
    assert_eq!((refused.reason(), start.elapsed()), (Exceeded::Spent, Duration::ZERO));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(60)));
    let refused = limiter.acquire(&policy, &key(), Wait::up_to(Duration::ZERO)).await.unwrap_err();
    assert_eq!((refused.reason(), limiter.waiting_in_all()), (Exceeded::Spent, 0));
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_passes_the_turn_on() {
    let (limiter, policy) = (limiter(), slots(1));
    let held = limiter.try_acquire(&policy, &key()).unwrap();
    let mut first = Box::pin(limiter.acquire(&policy, &key(), MINUTE));
    let mut second = Box::pin(limiter.acquire(&policy, &key(), MINUTE));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    // The first was called, and goes away before it hears of it.
    drop(held);
    drop(first);
    assert!(poll(second.as_mut()).is_ready());
    drop(second);
    assert_eq!(limiter.waiting_in_all(), 0);
    assert!(limiter.try_acquire(&policy, &key()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_of_two_limits_holds_neither_until_it_holds_both() {
    let (limiter, start) = (limiter(), Instant::now());
    let both = Policy::new(
        "both",
        [Rule::concurrent(1).named("slot"), Rule::new("1/10s".parse().unwrap()).key(Global).named("rate")],
    )
    .unwrap();
    let held = limiter.acquire(&both, &key(), MINUTE).await.unwrap();
    let mut next = pin!(limiter.acquire(&both, &key(), MINUTE));
    assert!(poll(next.as_mut()).is_pending());
    sleep(Duration::from_secs(2)).await;
    drop(held);
    assert!(poll(next.as_mut()).is_pending(), "the slot is free, the rate is not");
    let next = next.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!(limiter.try_acquire(&both, &key()).unwrap_err().rule(), Some("slot"));
    drop(next);
    sleep(Duration::from_secs(20)).await;
    assert!(limiter.try_acquire(&both, &key()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_store_grants_to_one_who_has_gone_is_given_back() {
    let (limiter, policy, _switch) = later(Rule::concurrent(1));
    let mut gone = Box::pin(limiter.acquire(&policy, &key(), MINUTE));
    assert!(poll(gone.as_mut()).is_pending());
    drop(gone);
    settle().await;
    let held = limiter.acquire(&policy, &key(), Wait::up_to(Duration::ZERO)).await.unwrap();
    held.release().await.unwrap();
    assert!(limiter.acquire(&policy, &key(), Wait::up_to(Duration::ZERO)).await.is_ok());

    let (limiter, policy, _switch) = later(Rule::new("1/min".parse().unwrap()).key(Global));
    let refused = limiter.try_acquire(&policy, &key()).unwrap_err();
    assert_eq!((refused.reason(), refused.rule()), (Exceeded::StoreFailed, None));
    settle().await;
    assert!(limiter.acquire(&policy, &key(), Wait::up_to(Duration::ZERO)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_does_not_help_where_the_store_fails_and_the_rule_closes() {
    let (limiter, policy, switch) = later(Rule::concurrent(1).on_store_error(OnStoreError::Closed));
    switch.fail(Failure::Unavailable);
    let refused = limiter.acquire(&policy, &key(), MINUTE).await.unwrap_err();
    assert_eq!((refused.reason(), refused.rule()), (Exceeded::StoreFailed, Some("later")));
    assert_eq!(limiter.waiting_in_all(), 0);
}

/// Counts what it is told.
#[derive(Clone, Default)]
struct Count {
    allowed: Arc<AtomicU64>,
    denied: Arc<AtomicU64>,
}

impl Observer for Count {
    fn on_allow(&self, event: &Event<'_>) {
        assert_eq!(event.keys.len(), event.decision.usages().len());
        self.allowed.fetch_add(1, Ordering::SeqCst);
    }

    fn on_deny(&self, event: &Event<'_>) {
        assert_eq!(event.keys.len(), event.decision.usages().len());
        self.denied.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn the_observer_is_told_once_for_each_claim_however_often_it_was_asked() {
    let count = Count::default();
    let limiter = Limiter::builder().clock(TokioClock::new()).observer(count.clone()).build();
    let policy = rate("1/s");
    for _ in 0..3 {
        drop(limiter.acquire(&policy, &key(), MINUTE).await.unwrap());
    }
    let refused: RateLimitExceeded = limiter.acquire(&policy, &key(), Wait::up_to(Duration::ZERO)).await.unwrap_err();
    assert_eq!(refused.reason(), Exceeded::Spent);
    assert_eq!((count.allowed.load(Ordering::SeqCst), count.denied.load(Ordering::SeqCst)), (3, 1));
}
