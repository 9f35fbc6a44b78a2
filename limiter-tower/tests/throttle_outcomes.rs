//! Throttled functions whose calls are settled by what they return, and whose callers have quotas of
//! their own.
#![cfg(feature = "throttle")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use limiter_core::settle::Settle;
use limiter_core::time::TokioClock;
use limiter_tower::throttle::{Exceeded, RateLimitExceeded, Throttle, ThrottleLayer};
use limiter_tower::{Global, Key, Limiter, Policy, Quota, Rule, throttle};
use tokio::time::{Instant, sleep, timeout};
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[derive(Debug)]
enum LoginError {
    Wrong,
    TooMany(RateLimitExceeded),
}

impl From<RateLimitExceeded> for LoginError {
    fn from(refused: RateLimitExceeded) -> Self {
        LoginError::TooMany(refused)
    }
}

/// Limiters are passed, so that tests share none.
fn limiter() -> Limiter {
    Limiter::builder().clock(TokioClock::new()).build()
}

/// Why a call was refused, if it was.
fn reason<T>(outcome: &Result<T, LoginError>) -> Option<Exceeded> {
    match outcome {
        Err(LoginError::TooMany(refused)) => Some(refused.reason()),
        _ => None,
    }
}

fn check(is_right: bool) -> Result<&'static str, LoginError> {
    if is_right { Ok("welcome") } else { Err(LoginError::Wrong) }
}

#[throttle("3/h", key = |_, user, ..| *user, count = "failed", limiter = limiter)]
async fn login(limiter: &Limiter, user: u64, is_right: bool) -> Result<&'static str, LoginError> {
    // What a `?` ends is looked at too.
    let welcome = check(is_right)?;
    Ok(welcome)
}

#[tokio::test(start_paused = true)]
async fn failures_count_and_successes_do_not() {
    let limiter = limiter();
    for _ in 0..50 {
        assert_eq!(login(&limiter, 1, true).await.unwrap(), "welcome");
    }
    for _ in 0..3 {
        assert!(matches!(login(&limiter, 1, false).await, Err(LoginError::Wrong)));
    }
    assert_eq!(reason(&login(&limiter, 1, true).await), Some(Exceeded::Spent));
    assert!(login(&limiter, 2, true).await.is_ok());
    assert_eq!(limiter.unsettled(), 0);
}

#[throttle("2/h", count = "success", limiter = limiter)]
async fn redeem(limiter: &Limiter, is_right: bool) -> Result<&'static str, LoginError> {
    return check(is_right);
}

#[tokio::test(start_paused = true)]
async fn successes_count_and_failures_do_not() {
    let limiter = limiter();
    for is_right in [false, true, false, true] {
        assert_eq!(redeem(&limiter, is_right).await.is_ok(), is_right);
    }
    assert_eq!(reason(&redeem(&limiter, false).await), Some(Exceeded::Spent));
}

fn is_empty(found: &Result<Vec<u64>, RateLimitExceeded>) -> bool {
    found.as_ref().is_ok_and(Vec::is_empty)
}

#[throttle("2/h", cost = 1, count = is_empty, limiter = limiter)]
async fn search(limiter: &Limiter, found: Vec<u64>) -> Result<Vec<u64>, RateLimitExceeded> {
    Ok(found)
}

#[throttle("4/h", cost = 2, count = |found| found.as_ref().is_ok_and(Vec::is_empty), limiter = limiter)]
async fn search_twice(limiter: &Limiter, found: Vec<u64>) -> Result<Vec<u64>, RateLimitExceeded> {
    Ok(found)
}

#[tokio::test(start_paused = true)]
async fn a_function_or_closure_says_what_counts() {
    let limiter = limiter();
    for found in [vec![1], vec![], vec![2], vec![]] {
        assert!(search(&limiter, found.clone()).await.is_ok());
        assert!(search_twice(&limiter, found).await.is_ok());
    }
    assert!(search(&limiter, vec![1]).await.is_err());
    assert!(search_twice(&limiter, vec![1]).await.is_err());
}

struct Answer {
    tokens: usize,
}

fn tokens_of(answer: &Result<Answer, LoginError>) -> usize {
    answer.as_ref().map_or(0, |answer| answer.tokens)
}

#[throttle("1000/h", cost = |_, prompt, ..| prompt.len() + 500, settle = tokens_of, limiter = limiter, name = "tokens")]
async fn complete(limiter: &Limiter, prompt: &str, tokens: usize) -> Result<Answer, LoginError> {
    if tokens == 0 { Err(LoginError::Wrong) } else { Ok(Answer { tokens }) }
}

#[throttle("6/h", settle = |outcome| if outcome.is_err() { 5 } else { 1 }, limiter = limiter)]
async fn weighed(limiter: &Limiter, is_right: bool) -> Result<&'static str, LoginError> {
    check(is_right)
}

#[tokio::test(start_paused = true)]
async fn the_real_cost_is_settled_afterwards() {
    let limiter = limiter();
    // 504 are reserved each time: two at once do not fit, one after the other do.
    for tokens in [100, 0, 200, 180] {
        assert_eq!(complete(&limiter, "tell", tokens).await.is_ok(), tokens > 0);
    }
    assert!(complete(&limiter, "tell", 300).await.is_ok());
    // 780 are taken.
    let refused = complete(&limiter, "tell", 1).await;
    assert_eq!(reason(&refused), Some(Exceeded::Spent));

    assert!(weighed(&limiter, true).await.is_ok() && weighed(&limiter, false).await.is_err());
    assert_eq!(reason(&weighed(&limiter, true).await), Some(Exceeded::Spent));
}

#[throttle("3/h", count = "failed", limiter = limiter)]
async fn stuck(limiter: &Limiter, how: &str) -> Result<(), LoginError> {
    match how {
        "panics" => panic!("the work panics"),
        "hangs" => sleep(Duration::from_secs(60)).await,
        _ => {}
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_or_is_given_up_counts_as_it_was_charged() {
    let limiter = limiter();
    assert!(std::panic::AssertUnwindSafe(stuck(&limiter, "panics")).catch_unwind().await.is_err());
    assert!(timeout(Duration::from_secs(1), stuck(&limiter, "hangs")).await.is_err());
    assert_eq!(limiter.unsettled(), 0);
    assert!(stuck(&limiter, "is fine").await.is_ok());
    assert!(stuck(&limiter, "is fine").await.is_ok());
    // One is left: a panic now is the third.
    assert!(std::panic::AssertUnwindSafe(stuck(&limiter, "panics")).catch_unwind().await.is_err());
    assert_eq!(reason(&stuck(&limiter, "is fine").await), Some(Exceeded::Spent));
}

/// A login that takes a second, and how many are inside.
struct Desk {
    limiter: Limiter,
    inside: AtomicUsize,
}

impl Desk {
    #[throttle("3/h", count = "failed", limiter = self.limiter)]
    async fn strict(&self, is_right: bool) -> Result<&'static str, LoginError> {
        self.work(is_right).await
    }

    #[throttle("3/h", count = "failed", mode = "wait", max_wait = "10s", limiter = self.limiter)]
    async fn waits(&self, is_right: bool) -> Result<&'static str, LoginError> {
        self.work(is_right).await
    }

    #[throttle("3/h", count = "failed", mode = "lenient", in_flight = 10, limiter = self.limiter)]
    async fn lenient(&self, is_right: bool) -> Result<&'static str, LoginError> {
        self.work(is_right).await
    }

    #[throttle("3/h", count = "failed", settle_within = "500ms", unsettled = "refund", limiter = self.limiter)]
    async fn late(&self, is_right: bool) -> Result<&'static str, LoginError> {
        self.work(is_right).await
    }

    async fn work(&self, is_right: bool) -> Result<&'static str, LoginError> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        check(is_right)
    }
}

/// How many of `count` calls at the same moment pass.
async fn at_once<F>(count: usize, call: impl Fn(Arc<Desk>) -> F) -> (usize, Duration)
where
    F: Future<Output = Result<&'static str, LoginError>> + Send + 'static,
{
    let desk = Arc::new(Desk { limiter: limiter(), inside: AtomicUsize::new(0) });
    let (start, calls): (_, Vec<_>) =
        (Instant::now(), (0..count).map(|_| tokio::spawn(call(Arc::clone(&desk)))).collect());
    let mut passed = 0;
    for call in calls {
        passed += usize::from(reason(&call.await.unwrap()).is_none());
    }
    assert_eq!((desk.limiter.unsettled(), desk.limiter.waiting_in_all()), (0, 0));
    (passed, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn ten_good_calls_at_once_pass_as_their_mode_says() {
    let second = Duration::from_secs(1);
    assert_eq!(at_once(10, |desk| async move { desk.strict(true).await }).await, (3, second));
    assert_eq!(at_once(10, |desk| async move { desk.waits(true).await }).await, (10, 4 * second));
    assert_eq!(at_once(10, |desk| async move { desk.lenient(true).await }).await, (10, second));
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_bad_calls_at_once_no_more_pass_than_the_mode_says() {
    assert_eq!(at_once(1000, |desk| async move { desk.strict(false).await }).await.0, 3);
    assert_eq!(at_once(1000, |desk| async move { desk.waits(false).await }).await.0, 3);
    assert_eq!(at_once(1000, |desk| async move { desk.lenient(false).await }).await.0, 10);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_settled_in_time_is_given_back_where_the_attribute_says_so() {
    let desk = Desk { limiter: limiter(), inside: AtomicUsize::new(0) };
    for _ in 0..10 {
        assert!(matches!(desk.late(false).await, Err(LoginError::Wrong)));
    }
}

#[derive(Clone, Copy)]
enum Plan {
    Free,
    Pro,
    Unlimited,
}

impl Plan {
    fn quota(self) -> Quota {
        match self {
            Plan::Free => Quota::per_hour(2),
            Plan::Pro => Quota::per_hour(5),
            Plan::Unlimited => Quota::UNLIMITED,
        }
    }
}

fn plan_of(_: &&Limiter, plan: &Plan) -> Quota {
    plan.quota()
}

#[throttle("2/h", concurrent = 9, quota = |_, plan| plan.quota(), algorithm = "fixed", limiter = limiter)]
async fn report(limiter: &Limiter, plan: Plan) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("unlimited", quota = plan_of, algorithm = "fixed", limiter = limiter)]
async fn export(limiter: &Limiter, plan: Plan) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_a_quota_of_its_own_and_keeps_what_it_has_used() {
    let limiter = limiter();
    for plan in [Plan::Free, Plan::Free, Plan::Pro, Plan::Pro, Plan::Pro, Plan::Unlimited] {
        assert!(report(&limiter, plan).await.is_ok());
        assert!(export(&limiter, plan).await.is_ok());
    }
    for plan in [Plan::Free, Plan::Pro] {
        assert_eq!(report(&limiter, plan).await.unwrap_err().rule(), Some("report"));
        assert_eq!(export(&limiter, plan).await.unwrap_err().rule(), Some("export"));
    }
    assert!(report(&limiter, Plan::Unlimited).await.is_ok());
}

#[throttle("1/h", shadow, limiter = limiter)]
async fn watched(limiter: &Limiter) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("10/s", spaced, max_wait = "10s", limiter = limiter)]
async fn even(limiter: &Limiter) -> Result<Instant, RateLimitExceeded> {
    Ok(Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_rule_in_shadow_refuses_nobody_and_an_even_one_lets_through_one_by_one() {
    let limiter = limiter();
    for _ in 0..5 {
        assert!(watched(&limiter).await.is_ok());
    }
    let start = Instant::now();
    for number in 0..5 {
        assert_eq!(even(&limiter).await.unwrap() - start, Duration::from_millis(100 * number));
    }
}

#[throttle("5/h", count = |outcome| outcome.is_err(), limiter = limiter)]
async fn shown<T: Display>(limiter: &Limiter, what: T) -> Result<impl Display + use<T>, Box<dyn std::error::Error>> {
    let text = what.to_string();
    if text.is_empty() {
        return Err("nothing to show".into());
    }
    Ok(text.parse::<u64>()? + 1)
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_not_named_in_full_and_a_boxed_error_are_settled_too() {
    let limiter = limiter();
    assert_eq!(shown(&limiter, "41").await.unwrap().to_string(), "42");
    assert!(shown(&limiter, "").await.is_err() && shown(&limiter, "x").await.is_err());
}

fn failures() -> Policy {
    let rule = Rule::new("2/h".parse().unwrap()).key(Global).settle(Settle::failed());
    Policy::new("failures", [rule]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_may_fail_is_settled_by_its_result_and_another_counts_as_charged() {
    let throttle = Throttle::new(limiter(), failures());
    for is_right in [true, true, true, false, true] {
        let tried = throttle.try_run("k", || async { check(is_right).map_err(|_| LoginError::Wrong) });
        assert_eq!(tried.await.is_ok(), is_right);
    }
    assert_eq!(throttle.run("k", async || 5).await.unwrap(), 5);
    assert_eq!(throttle.run("k", async || 5).await.unwrap_err().rule(), Some("failures"));
}

#[tokio::test(start_paused = true)]
async fn a_service_is_settled_by_whether_it_answers() {
    let layer = ThrottleLayer::new(Throttle::new(limiter(), failures())).key(|_: &bool| Key::from("k"));
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(async |is_right: bool| check(is_right).map_err(|_| std::io::Error::other("wrong"))));
    for is_right in [true, true, true, false, false] {
        assert_eq!(service.clone().oneshot(is_right).await.is_ok(), is_right);
    }
    assert!(service.oneshot(true).await.unwrap_err().is::<RateLimitExceeded>());
}
