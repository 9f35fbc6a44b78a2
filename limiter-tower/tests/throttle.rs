//! Throttled functions, closures and services.
#![cfg(feature = "throttle")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use limiter_tower::throttle;
use limiter_tower::throttle::{Exceeded, RateLimitExceeded, Throttle, ThrottleLayer, Wait};
use limiter_tower::{Global, Key, Limiter, Policy, Rule};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

#[derive(Debug)]
enum MailError {
    Empty,
    TooMany(RateLimitExceeded),
}

impl From<RateLimitExceeded> for MailError {
    fn from(refused: RateLimitExceeded) -> Self {
        MailError::TooMany(refused)
    }
}

/// Limiters are passed, so that tests share none.
fn limiter() -> Limiter {
    Limiter::builder().clock(limiter_core::time::TokioClock::new()).build()
}

#[derive(Clone)]
struct User {
    id: u64,
    name: String,
}

#[throttle("2/min", key = |_, user, ..| user.id, limiter = limiter, name = "mails")]
async fn mail(limiter: &Limiter, user: &User, text: &str) -> Result<usize, MailError> {
    if text.is_empty() {
        return Err(MailError::Empty);
    }
    Ok(text.len() + user.name.len())
}

#[tokio::test]
async fn a_throttled_function_is_refused_by_its_own_error_and_by_key() {
    let limiter = limiter();
    let [alice, bob] = [(1, "alice"), (2, "bob")].map(|(id, name)| User { id, name: name.to_owned() });
    assert_eq!(mail(&limiter, &alice, "tea").await.unwrap(), 8);
    assert!(matches!(mail(&limiter, &alice, "").await, Err(MailError::Empty)));
    let Err(MailError::TooMany(refused)) = mail(&limiter, &alice, "tea").await else { panic!("admitted") };
    assert_eq!((refused.rule(), refused.reason()), (Some("mails"), Exceeded::Spent));
    assert!(refused.retry_after().unwrap() <= Duration::from_secs(30));
    assert_eq!(mail(&limiter, &bob, "tea").await.unwrap(), 6);
}

#[throttle("1/10s", max_wait = "1min", queue = 2, limiter = limiter)]
async fn paced(limiter: &Limiter) -> Result<Instant, RateLimitExceeded> {
    Ok(Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_turn_and_no_longer_than_it_may() {
    let (limiter, start) = (limiter(), Instant::now());
    let calls: Vec<_> = (0..4).map(|_| paced(&limiter)).collect();
    let mut calls = calls.into_iter();
    let (a, b, c, d) =
        tokio::join!(calls.next().unwrap(), calls.next().unwrap(), calls.next().unwrap(), calls.next().unwrap());
    let after = |call: Result<Instant, RateLimitExceeded>| call.unwrap().duration_since(start).as_secs();
    assert_eq!((after(a), after(b), after(c)), (0, 10, 20));
    assert_eq!(d.unwrap_err().reason(), Exceeded::QueueFull);
}

struct Pool {
    limiter: Limiter,
    inside: AtomicUsize,
}

impl Pool {
    #[throttle(concurrent = 2, max_wait = "1min", limiter = self.limiter)]
    async fn work<T: Clone>(&self, what: &T) -> Result<T, RateLimitExceeded> {
        assert!(self.inside.fetch_add(1, Ordering::SeqCst) < 2);
        sleep(Duration::from_secs(1)).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(what.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_held_until_a_method_has_ended() {
    let pool = Arc::new(Pool { limiter: limiter(), inside: AtomicUsize::new(0) });
    let start = Instant::now();
    let works: Vec<_> = (0..6u32)
        .map(|number| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.work(&number).await.unwrap() })
        })
        .collect();
    for (number, work) in works.into_iter().enumerate() {
        assert_eq!(work.await.unwrap() as usize, number);
    }
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

fn tenant(limiter: &&Limiter, tenant: &str, _: &[u8]) -> String {
    let _ = limiter;
    tenant.to_lowercase()
}

#[throttle("10/min", key = tenant, cost = |_, _, bytes| bytes.len(), limiter = limiter)]
async fn upload(limiter: &Limiter, tenant_name: String, bytes: Vec<u8>) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[tokio::test]
async fn keys_and_costs_are_worked_out_from_the_arguments() {
    let limiter = limiter();
    let call = |tenant: &str, bytes| upload(&limiter, tenant.to_owned(), vec![0; bytes]);
    call("ACME", 7).await.unwrap();
    assert_eq!(call("acme", 4).await.unwrap_err().decision().usages()[0].cost(), 4);
    call("acme", 3).await.unwrap();
    assert_eq!(call("acme", 11).await.unwrap_err().reason(), Exceeded::NeverFits);
    call("other", 10).await.unwrap();
}

#[throttle("1/min", key = id)]
async fn by_process(id: Option<u64>) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[tokio::test]
async fn without_a_limiter_the_one_of_the_process_counts_and_missing_keys_share() {
    by_process(Some(1)).await.unwrap();
    by_process(Some(2)).await.unwrap();
    by_process(None).await.unwrap();
    assert!(by_process(Some(1)).await.is_err());
    assert!(by_process(None).await.is_err());
}

fn policy(rule: Rule) -> Policy {
    Policy::new("work", [rule]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slot_comes_back_when_the_work_panics_or_is_given_up() {
    let throttle = Throttle::new(limiter(), policy(Rule::concurrent(1)));
    let panics = tokio::spawn({
        let throttle = throttle.clone();
        async move { throttle.run("k", || async { panic!("the work panics") }).await }
    });
    assert!(panics.await.unwrap_err().is_panic());
    let work = throttle.run("k", || sleep(Duration::from_secs(60)));
    assert!(tokio::time::timeout(Duration::from_secs(1), work).await.is_err());
    assert_eq!(throttle.run("k", async || 5).await.unwrap(), 5);
    let tried: Result<(), MailError> = throttle.try_run("k", async || Err(MailError::Empty)).await;
    assert!(matches!(tried, Err(MailError::Empty)));
}

#[tokio::test(start_paused = true)]
async fn a_service_is_not_asked_before_the_turn_has_come_and_its_slot_ends_with_the_answer() {
    let asked = Arc::new(AtomicUsize::new(0));
    let inner = service_fn({
        let asked = Arc::clone(&asked);
        move |seconds: u64| {
            asked.fetch_add(1, Ordering::SeqCst);
            async move {
                sleep(Duration::from_secs(seconds)).await;
                Ok::<_, Infallible>(seconds)
            }
        }
    });
    let throttle = Throttle::new(limiter(), policy(Rule::concurrent(1)));
    let layer = ThrottleLayer::new(throttle).wait(Wait::up_to(Duration::from_secs(60)));
    let mut service = ServiceBuilder::new().layer(layer).concurrency_limit(1).service(inner);
    let start = Instant::now();
    let first = tokio::spawn(service.ready().await.unwrap().call(5));
    tokio::task::yield_now().await;
    let second = tokio::spawn(service.ready().await.unwrap().call(1));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (5, 1));
    assert_eq!(start.elapsed(), Duration::from_secs(6));
}

#[tokio::test]
async fn a_refused_request_of_a_service_says_so_and_a_key_is_its_own() {
    let throttle = Throttle::new(limiter(), policy(Rule::new("1/min".parse().unwrap()).key(Global)));
    let layer = ThrottleLayer::new(throttle).key(|who: &&'static str| Key::from(*who));
    let service = layer_of(layer);
    assert!(service.clone().oneshot("a").await.is_ok());
    let refused = service.clone().oneshot("a").await.unwrap_err();
    assert_eq!(refused.downcast_ref::<RateLimitExceeded>().unwrap().rule(), Some("work"));
    assert!(service.oneshot("b").await.is_ok());
}

fn layer_of(
    layer: ThrottleLayer<&'static str>,
) -> impl Service<&'static str, Response = &'static str, Error = tower::BoxError, Future: Send> + Clone {
    ServiceBuilder::new().layer(layer).service_fn(async |who: &'static str| Ok::<_, Infallible>(who))
}
