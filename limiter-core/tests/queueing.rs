//! Requests that are held instead of refused: in which order they pass, for how long they wait, and
//! that nothing is lost or left behind, however they end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::event::Event;
use limiter_core::key::Global;
use limiter_core::queue::{LOOK_AGAIN, Queue};
use limiter_core::settle::Settle;
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Answer, Capabilities, Operation, Store, StoreError};
use limiter_core::time::TokioClock;
use limiter_core::{Algorithm, Key, Limiter, Observer, Outcome, Policy, PolicyError, Quota, Reply, Rule, Ruling};
use tokio::time::{Instant, sleep, timeout};

fn limiter() -> Limiter {
    Limiter::builder().clock(TokioClock::new()).build()
}

fn policy(rule: Rule) -> Policy {
    Policy::new("p", [rule.key(Global)]).unwrap()
}

fn slots(count: u32, queue: Queue) -> Policy {
    policy(Rule::concurrent(count).queue(queue))
}

async fn ask(limiter: &Limiter, policy: &Policy) -> Ruling {
    match limiter.decide_key(policy, &Key::everyone(), 1) {
        Reply::Now(ruling) => ruling,
        Reply::Later(ruling) => ruling.await,
    }
}

/// Lets those who wait for nothing but their turn have it.
async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

const MS: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn whoever_finds_no_slot_gets_the_one_that_is_given_back_in_the_order_of_arrival() {
    let (limiter, policy) = (limiter(), slots(1, Queue::new(10, NEVER)));
    let first = ask(&limiter, &policy).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let waiting: Vec<_> = (0..5)
        .map(|number| {
            let (limiter, policy, order) = (limiter.clone(), policy.clone(), Arc::clone(&order));
            tokio::spawn(async move {
                let ruling = ask(&limiter, &policy).await;
                assert!(ruling.decision.is_allowed());
                order.lock().unwrap().push(number);
                sleep(10 * MS).await;
            })
        })
        .collect();
    settle_down().await;
    assert_eq!((limiter.waiting_in_all(), order.lock().unwrap().len()), (5, 0));
    let began = Instant::now();
    drop(first);
    for one in waiting {
        one.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    // Nobody waited for anything but a slot.
    assert_eq!(began.elapsed(), 50 * MS);
    assert_eq!(limiter.waiting_in_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_goes_behind_those_who_wait_even_if_a_slot_is_free_at_that_moment() {
    let (limiter, policy) = (limiter(), slots(1, Queue::new(1, NEVER)));
    let held = ask(&limiter, &policy).await;
    let waiting = tokio::spawn({
        let (limiter, policy) = (limiter.clone(), policy.clone());
        async move { ask(&limiter, &policy).await }
    });
    settle_down().await;
    // The slot is free, and the one who waits has not run yet.
    drop(held);
    let newcomer = ask(&limiter, &policy).await;
    assert!(!newcomer.decision.is_allowed());
    assert_eq!(newcomer.decision.usages()[0].outcome(), Outcome::Queued);
    assert_eq!(newcomer.decision.retry_after(), None);
    assert!(waiting.await.unwrap().decision.is_allowed());
}

#[tokio::test(start_paused = true)]
async fn a_line_holds_so_many_and_each_of_them_for_so_long() {
    let (limiter, policy) = (limiter(), slots(1, Queue::new(2, 250 * MS)));
    let held = ask(&limiter, &policy).await;
    let wait = || {
        let (limiter, policy) = (limiter.clone(), policy.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            (ask(&limiter, &policy).await.decision, began.elapsed())
        })
    };
    let [one, two] = [wait(), wait()];
    settle_down().await;
    let began = Instant::now();
    assert!(!ask(&limiter, &policy).await.decision.is_allowed());
    assert_eq!(began.elapsed(), Duration::ZERO);
    for waiting in [one, two] {
        let (decision, waited) = waiting.await.unwrap();
        assert!(!decision.is_allowed());
        assert_eq!(decision.usages()[0].outcome(), Outcome::Spent);
        assert_eq!(waited, 250 * MS);
    }
    assert_eq!(limiter.waiting_in_all(), 0);
    drop(held);
    assert!(ask(&limiter, &policy).await.decision.is_allowed());
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_waited_for_until_the_computed_instant_and_not_at_all_if_that_is_too_late() {
    // A sliding window takes longer: the unit weighs on the next window too.
    for algorithm in [Algorithm::Bucket, Algorithm::Interval, Algorithm::Fixed, Algorithm::Log] {
        let rule = Rule::new("1/s".parse().unwrap()).algorithm(algorithm);
        let (limiter, policy) = (limiter(), policy(rule.queue(Queue::new(10, Duration::from_millis(1500)))));
        let began = Instant::now();
        let all = at_once(4, || {
            let (limiter, policy) = (limiter.clone(), policy.clone());
            async move {
                let ruling = ask(&limiter, &policy).await;
                (ruling.decision.is_allowed(), began.elapsed())
            }
        });
        let expected = [(true, 0), (true, 1000), (false, 1000), (false, 1000)];
        assert_eq!(all.await, expected.map(|(allowed, ms)| (allowed, ms * MS)), "{algorithm}");

        let rule = Rule::new("1/s".parse().unwrap()).algorithm(algorithm);
        let impatient = crate::policy(rule.queue(Queue::new(10, Duration::from_millis(999))));
        let began = Instant::now();
        assert!(ask(&limiter, &impatient).await.decision.is_allowed());
        let refused = ask(&limiter, &impatient).await;
        assert_eq!(refused.decision.retry_after(), Some(Duration::from_secs(1)), "{algorithm}");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

/// Runs all at once, and waits for all.
async fn at_once<F>(count: u32, make: impl Fn() -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(make())).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

#[tokio::test(start_paused = true)]
async fn spaced_requests_pass_one_by_one_however_they_come() {
    let rule = Rule::new("10/s".parse().unwrap()).queue(Queue::new(20, Duration::from_secs(2)).spaced());
    let (limiter, policy) = (limiter(), policy(rule));
    let began = Instant::now();
    let passed = at_once(8, || {
        let (limiter, policy) = (limiter.clone(), policy.clone());
        async move {
            assert!(ask(&limiter, &policy).await.decision.is_allowed());
            began.elapsed()
        }
    });
    assert_eq!(passed.await, [0, 1, 2, 3, 4, 5, 6, 7].map(|number| number * 100 * MS));
    // Nothing is saved up while nobody comes.
    sleep(Duration::from_secs(60)).await;
    assert!(ask(&limiter, &policy).await.decision.is_allowed());
    assert!(!limiter.check(&policy, &Key::everyone()).is_allowed());
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_leaves_the_place_and_takes_nothing_along() {
    let (limiter, policy) = (limiter(), slots(1, Queue::new(3, NEVER)));
    let held = ask(&limiter, &policy).await;
    let wait = || {
        let (limiter, policy) = (limiter.clone(), policy.clone());
        tokio::spawn(async move { ask(&limiter, &policy).await })
    };
    let [first, second, third] = [wait(), wait(), wait()];
    settle_down().await;
    first.abort();
    second.abort();
    settle_down().await;
    assert_eq!(limiter.waiting_in_all(), 1);
    drop(held);
    assert!(third.await.unwrap().decision.is_allowed());
    assert!(ask(&limiter, &policy).await.decision.is_allowed());
}

#[tokio::test(start_paused = true)]
async fn ten_good_requests_at_once_all_pass_when_they_wait_for_those_under_way() {
    let settle = Settle::failed().wait(16, Duration::from_secs(1));
    let (limiter, policy) = (limiter(), policy(Rule::new("3/h".parse().unwrap()).settle(settle)));
    let began = Instant::now();
    let all = at_once(10, || {
        let (limiter, policy) = (limiter.clone(), policy.clone());
        async move {
            let ruling = ask(&limiter, &policy).await;
            assert!(ruling.decision.is_allowed());
            sleep(10 * MS).await;
            ruling.succeeded();
        }
    });
    all.await;
    // Three at a time.
    assert_eq!(began.elapsed(), 40 * MS);
    assert_eq!(limiter.unsettled(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_bad_requests_that_wait_for_each_other_no_more_pass_than_the_limit() {
    let settle = Settle::failed().wait(1000, NEVER);
    let (limiter, policy) = (limiter(), policy(Rule::new("3/h".parse().unwrap()).settle(settle)));
    let began = Instant::now();
    let passed = Arc::new(AtomicUsize::new(0));
    let all = at_once(1000, || {
        let (limiter, policy, passed) = (limiter.clone(), policy.clone(), Arc::clone(&passed));
        async move {
            let ruling = ask(&limiter, &policy).await;
            if ruling.decision.is_allowed() {
                passed.fetch_add(1, Ordering::SeqCst);
                sleep(10 * MS).await;
                ruling.failed();
            }
        }
    });
    all.await;
    assert_eq!(passed.load(Ordering::SeqCst), 3);
    // When nothing is under way any more, there is nothing to wait for.
    assert_eq!(began.elapsed(), 10 * MS);
    assert_eq!((limiter.unsettled(), limiter.waiting_in_all()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_place_of_a_lenient_request_is_waited_for_too() {
    let rule = Rule::new("3/h".parse().unwrap()).settle(Settle::failed().lenient(1));
    let (limiter, policy) = (limiter(), policy(rule.queue(Queue::new(1, NEVER))));
    let first = ask(&limiter, &policy).await;
    let second = tokio::spawn({
        let (limiter, policy) = (limiter.clone(), policy.clone());
        async move { ask(&limiter, &policy).await }
    });
    settle_down().await;
    assert_eq!(limiter.waiting_in_all(), 1);
    first.succeeded();
    assert!(second.await.unwrap().decision.is_allowed());
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_what_a_waiter_for_a_quota_is_woken_by() {
    let (limiter, policy) = (limiter(), policy(Rule::new("1/min".parse().unwrap()).queue(Queue::new(1, NEVER))));
    let first = ask(&limiter, &policy).await;
    let second = tokio::spawn({
        let (limiter, policy) = (limiter.clone(), policy.clone());
        async move { ask(&limiter, &policy).await }
    });
    settle_down().await;
    let began = Instant::now();
    limiter.refund(first.receipt);
    assert!(second.await.unwrap().decision.is_allowed());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_rule_without_a_queue_refuses_at_once_beside_one_that_has_it() {
    let rules = [
        Rule::concurrent(1).queue(Queue::new(8, NEVER)).named("slots"),
        Rule::new("1/h".parse().unwrap()).key(Global).named("hourly"),
    ];
    let (limiter, policy) = (limiter(), Policy::new("p", rules).unwrap());
    drop(ask(&limiter, &policy).await);
    let began = Instant::now();
    assert!(!ask(&limiter, &policy).await.decision.is_allowed());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// A store that several processes share, for all that the limiter knows.
#[derive(Debug)]
struct Elsewhere(Arc<MemoryStore>);

impl Store for Elsewhere {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        let Reply::Now(answer) = self.0.submit(operation) else { unreachable!("memory answers at once") };
        Reply::Later(Box::pin(async { answer }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&Algorithm::ALL, usize::MAX)
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_another_process_gives_back_is_found_soon_after() {
    let store = Arc::new(MemoryStore::new());
    let clock = TokioClock::new();
    let process = || Limiter::builder().store(Elsewhere(Arc::clone(&store))).clock(clock.clone()).build();
    let (one, other) = (process(), process());
    let rule = Rule::concurrent(1).queue(Queue::new(8, NEVER)).scope("shared");
    let policy = policy(rule);
    let held = ask(&one, &policy).await;
    let waiting = tokio::spawn(async move {
        assert!(ask(&other, &policy).await.decision.is_allowed());
        Instant::now()
    });
    sleep(1001 * MS).await;
    let given_back = Instant::now();
    drop(held);
    assert!(waiting.await.unwrap() - given_back <= LOOK_AGAIN);
}

#[test]
fn nobody_waits_where_there_is_no_timer() {
    let (limiter, policy) = (Limiter::in_memory(), slots(1, Queue::new(8, NEVER)));
    let Reply::Now(held) = limiter.decide_key(&policy, &Key::everyone(), 1) else { panic!("nobody waits") };
    let Reply::Now(refused) = limiter.decide_key(&policy, &Key::everyone(), 1) else { panic!("nobody waits") };
    assert!(held.decision.is_allowed() && !refused.decision.is_allowed());
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<bool>>>);

impl Observer for Told {
    fn on_allow(&self, _: &Event<'_>) {
        self.0.lock().unwrap().push(true);
    }

    fn on_deny(&self, _: &Event<'_>) {
        self.0.lock().unwrap().push(false);
    }
}

#[tokio::test(start_paused = true)]
async fn the_observer_is_told_once_when_the_waiting_is_over() {
    let told = Told::default();
    let limiter = Limiter::builder().clock(TokioClock::new()).observer(told.clone()).build();
    let policy = slots(1, Queue::new(2, 250 * MS));
    let held = ask(&limiter, &policy).await;
    let waiting = || {
        let (limiter, policy) = (limiter.clone(), policy.clone());
        tokio::spawn(async move { ask(&limiter, &policy).await.decision })
    };
    let [first, second] = [waiting(), waiting()];
    settle_down().await;
    assert!(!ask(&limiter, &policy).await.decision.is_allowed());
    assert_eq!(*told.0.lock().unwrap(), [true, false]);
    drop(held);
    assert!(first.await.unwrap().is_allowed() && second.await.unwrap().is_allowed());
    assert_eq!(*told.0.lock().unwrap(), [true, false, true, true]);
    assert!(limiter.check(&policy, &Key::everyone()).is_allowed());
    assert_eq!(told.0.lock().unwrap().len(), 5);
}

/// One of those who hold a slot.
struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_thousand_who_wait_and_half_of_them_go_away_none_is_lost_and_no_slot_leaks() {
    let limiter = Limiter::in_memory();
    let policy = slots(4, Queue::new(20_000, NEVER));
    let (passed, at_once, most) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..10_000)
        .map(|number| {
            let (limiter, policy) = (limiter.clone(), policy.clone());
            let (passed, at_once, most) = (Arc::clone(&passed), Arc::clone(&at_once), Arc::clone(&most));
            tokio::spawn(async move {
                let work = async {
                    let ruling = ask(&limiter, &policy).await;
                    assert!(ruling.decision.is_allowed());
                    let now = at_once.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    // Whoever goes away here has left before the slot is free.
                    let inside = Inside(&at_once);
                    tokio::task::yield_now().await;
                    drop((inside, ruling));
                    passed.fetch_add(1, Ordering::SeqCst);
                };
                if number % 2 == 0 {
                    work.await;
                    return true;
                }
                // Goes away at a moment of its own, before or after its turn.
                let mut patience = number % 97;
                let mut work = std::pin::pin!(work);
                std::future::poll_fn(|cx| {
                    patience -= 1;
                    match work.as_mut().poll(cx) {
                        std::task::Poll::Pending if patience > 0 => {
                            cx.waker().wake_by_ref();
                            std::task::Poll::Pending
                        }
                        polled => std::task::Poll::Ready(polled.is_ready()),
                    }
                })
                .await
            })
        })
        .collect();
    let mut finished = 0;
    for task in tasks {
        finished += usize::from(timeout(Duration::from_secs(60), task).await.expect("nobody is forgotten").unwrap());
    }
    assert!(finished >= 5000);
    // Those who went away while they held a slot have given it back.
    assert_eq!(limiter.waiting_in_all(), 0);
    assert!(most.load(Ordering::SeqCst) <= 4);
    assert_eq!(limiter.peek(&policy, &Key::everyone(), 0).usages()[0].remaining(), 4);
}

#[test]
fn what_cannot_be_spaced_makes_no_policy() {
    let spaced = Queue::new(8, NEVER).spaced();
    let made = |rule: Rule| Policy::new("p", [rule.key(Global).queue(spaced)]);
    let quota = Quota::per_minute(3);
    for rule in [Rule::concurrent(3), Rule::new(quota).algorithm(Algorithm::Fixed), Rule::new(quota).cost_fn(|_| 1)] {
        let error = made(rule).unwrap_err();
        assert!(matches!(&error, PolicyError::Quota { .. }) && error.to_string().contains("evenly spaced"), "{error}");
    }
    assert!(made(Rule::new(quota).cost(3)).is_ok());
}
