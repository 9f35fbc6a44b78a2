//! Charges that are settled once the outcome is known, at servers that two limiters share: what each
//! mode lets through of many requests at once, and that what did not count is given back there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use futures_util::future::join_all;
use limiter_core::key::Global;
use limiter_core::settle::Settle;
use limiter_core::store::front::FleetOptions;
use limiter_core::store::memcached::MemcachedStore;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Key, Limiter, Policy, Reply, Rule, Ruling};
use limiter_tower::throttle;
use limiter_tower::throttle::{Exceeded, RateLimitExceeded};
use tests::memcached::Memcached;
use tests::redis::{self, Server, until};

/// Two limiters at one server, as two processes have them. The first has all that stands before a
/// server; the second asks the server about every request, so that it hears at once of what the first
/// gives back.
struct Two {
    limiters: [Limiter; 2],
    _server: Running,
}

/// Ended when dropped.
#[allow(dead_code, reason = "kept, not read")]
enum Running {
    Redis(Server),
    Memcached(Memcached),
}

/// The machine is busy with other tests: what is slow here is no outage.
fn patient() -> FleetOptions {
    FleetOptions::new().deadline(Duration::from_secs(10))
}

async fn at_redis() -> Option<Two> {
    if !redis::there() {
        return None;
    }
    let server = Server::start(&[]).await;
    let connect = async |fleet| {
        let store = RedisStore::builder(server.url()).fleet(fleet).connect().await.unwrap();
        Limiter::builder().store(store).build()
    };
    let limiters = [connect(patient()).await, connect(patient()).await];
    Some(Two { limiters, _server: Running::Redis(server) })
}

async fn at_memcached() -> Option<Two> {
    let server = Memcached::start(&[])?;
    let address = server.address.to_string();
    let connect = async |fleet| {
        let builder = MemcachedStore::builder().reply_timeout(Duration::from_secs(5)).fleet(fleet);
        let store = builder.connect([address.clone()]).await.unwrap();
        Limiter::builder().store(store).build()
    };
    let limiters = [connect(patient()).await, connect(patient()).await];
    Some(Two { limiters, _server: Running::Memcached(server) })
}

/// Three failures an hour: none comes back while a test runs.
fn policy(name: &str, settle: Settle) -> Policy {
    Policy::new(name.to_owned(), [Rule::new("3/h".parse().unwrap()).key(Global).settle(settle)]).unwrap()
}

async fn ask(limiter: &Limiter, policy: &Policy) -> Ruling {
    let ruling = match limiter.decide_key(policy, &Key::everyone(), 1) {
        Reply::Now(ruling) => ruling,
        Reply::Later(ruling) => ruling.await,
    };
    assert!(!ruling.decision.is_degraded(), "the server decides: {:?}", ruling.decision);
    ruling
}

async fn left(limiter: &Limiter, policy: &Policy) -> u64 {
    let found = match limiter.explain(policy, &Key::everyone()).unwrap() {
        Reply::Now(found) => found,
        Reply::Later(found) => found.await,
    };
    found.unwrap().rules[0].usage.remaining()
}

/// Nothing is under way here, and the server knows of nothing.
async fn all_given_back(two: &Two, policy: &Policy) {
    for limiter in &two.limiters {
        until("everything is given back", async || limiter.unsettled() == 0 && left(limiter, policy).await == 3).await;
    }
}

/// So many requests at once, all to the first limiter, each under way for a moment. How many passed.
async fn good_at_once(limiter: &Limiter, policy: &Policy, count: usize) -> usize {
    let asked = (0..count).map(|_| async {
        let ruling = ask(limiter, policy).await;
        let passes = ruling.decision.is_allowed();
        if passes {
            // As long as a login takes, so that the others come meanwhile.
            tokio::time::sleep(Duration::from_millis(20)).await;
            ruling.succeeded();
        }
        passes
    });
    join_all(asked).await.into_iter().filter(|passes| *passes).count()
}

async fn good_ones_pass_as_each_mode_says(two: Two) {
    let [limiter, other] = &two.limiters;
    for (name, settle) in
        [("lenient", Settle::failed().lenient(10)), ("wait", Settle::failed().wait(16, Duration::from_secs(30)))]
    {
        let policy = policy(name, settle);
        assert_eq!(good_at_once(limiter, &policy, 10).await, 10, "{name}");
        all_given_back(&two, &policy).await;
    }

    let policy = policy("strict", Settle::failed().strict());
    let rulings = join_all((0..10).map(|_| ask(limiter, &policy))).await;
    let (passed, refused): (Vec<_>, Vec<_>) = rulings.into_iter().partition(|ruling| ruling.decision.is_allowed());
    assert_eq!((passed.len(), refused.len()), (3, 7));
    assert!(!ask(other, &policy).await.decision.is_allowed(), "the other limiter finds no room either");
    passed.into_iter().for_each(Ruling::succeeded);
    all_given_back(&two, &policy).await;
    // The refused come again at once, and so does whoever asks the other.
    for limiter in [limiter, other, limiter] {
        let ruling = ask(limiter, &policy).await;
        assert!(ruling.decision.is_allowed(), "{:?}", ruling.decision);
        ruling.failed();
    }
    assert!(!ask(limiter, &policy).await.decision.is_allowed());
}

/// Many bad requests at once, half of them to each limiter. How many passed.
async fn bad_at_once(two: &Two, policy: &Policy, count: usize) -> usize {
    let asked = (0..count).map(|number| {
        let (limiter, policy) = (two.limiters[number % 2].clone(), policy.clone());
        tokio::spawn(async move {
            let ruling = ask(&limiter, &policy).await;
            let passes = ruling.decision.is_allowed();
            if passes {
                tokio::task::yield_now().await;
                ruling.failed();
            }
            passes
        })
    });
    join_all(asked).await.into_iter().filter(|passes| *passes.as_ref().unwrap()).count()
}

async fn bad_ones_stay_within_what_each_mode_says(two: Two) {
    let waiting = Settle::failed().wait(1000, Duration::from_secs(30));
    // Lenient requests are counted in each process by itself.
    let modes = [
        ("strict", Settle::failed().strict(), 3),
        ("wait", waiting, 3),
        ("lenient", Settle::failed().lenient(4), 3 - 1 + 2 * 4),
    ];
    for (name, settle, most) in modes {
        let policy = policy(name, settle);
        let mut passed = 0;
        for _ in 0..5 {
            passed += bad_at_once(&two, &policy, 200).await;
        }
        assert!((3..=most).contains(&passed), "{name}: {passed} passed, at most {most} may");
        for limiter in &two.limiters {
            until("nothing is under way", async || limiter.unsettled() == 0).await;
            assert!(!ask(limiter, &policy).await.decision.is_allowed(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_good_requests_at_once_as_many_pass_at_redis_as_the_mode_says_and_none_leaves_a_trace() {
    if let Some(two) = at_redis().await {
        good_ones_pass_as_each_mode_says(two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_good_requests_at_once_as_many_pass_at_memcached_as_the_mode_says_and_none_leaves_a_trace() {
    if let Some(two) = at_memcached().await {
        good_ones_pass_as_each_mode_says(two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_bad_requests_no_more_pass_at_redis_than_the_mode_says() {
    if let Some(two) = at_redis().await {
        bad_ones_stay_within_what_each_mode_says(two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_bad_requests_no_more_pass_at_memcached_than_the_mode_says() {
    if let Some(two) = at_memcached().await {
        bad_ones_stay_within_what_each_mode_says(two).await;
    }
}

/// What a throttled function returns.
#[derive(Debug)]
enum CallError {
    Bad,
    Refused(RateLimitExceeded),
}

impl From<RateLimitExceeded> for CallError {
    fn from(refused: RateLimitExceeded) -> Self {
        CallError::Refused(refused)
    }
}

async fn call(is_good: bool) -> Result<u64, CallError> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    if is_good { Ok(1) } else { Err(CallError::Bad) }
}

#[throttle("3/h", count = "failed", mode = "wait", max_wait = "30s", limiter = limiter)]
async fn waits(limiter: &Limiter, is_good: bool) -> Result<u64, CallError> {
    call(is_good).await
}

#[throttle("3/h", count = |called| called.is_err(), mode = "lenient", in_flight = 10, limiter = limiter)]
async fn lenient(limiter: &Limiter, is_good: bool) -> Result<u64, CallError> {
    call(is_good).await
}

#[throttle("3/h", cost = 3, settle = |called| u64::from(called.is_err()), max_wait = "30s", limiter = limiter)]
async fn reserves(limiter: &Limiter, is_good: bool) -> Result<u64, CallError> {
    call(is_good).await
}

/// Good calls leave no trace, three bad ones are too many for both limiters.
async fn calls_are_settled<F>(two: &Two, called: impl Fn(Limiter, bool) -> F)
where
    F: Future<Output = Result<u64, CallError>>,
{
    let [limiter, other] = &two.limiters;
    for result in join_all((0..10).map(|_| called(limiter.clone(), true))).await {
        assert_eq!(result.unwrap(), 1);
    }
    until("nothing is under way", async || limiter.unsettled() == 0).await;
    for _ in 0..3 {
        let bad = join_all([called(other.clone(), true), called(other.clone(), false)]).await;
        assert!(matches!(bad.as_slice(), [Ok(1), Err(CallError::Bad)]), "{bad:?}");
        until("nothing is under way", async || other.unsettled() == 0).await;
    }
}

async fn throttled_functions_are_settled(two: Two) {
    calls_are_settled(&two, |limiter, is_good| async move { waits(&limiter, is_good).await }).await;
    calls_are_settled(&two, |limiter, is_good| async move { lenient(&limiter, is_good).await }).await;
    for limiter in &two.limiters {
        for refused in [waits(limiter, true).await, lenient(limiter, true).await] {
            let Err(CallError::Refused(refused)) = refused else { panic!("{refused:?}") };
            assert_eq!(refused.reason(), Exceeded::Spent);
        }
    }
    // Each takes all there is, and gives all of it back.
    for limiter in two.limiters.iter().cycle().take(6) {
        assert_eq!(reserves(limiter, true).await.unwrap(), 1);
        until("nothing is under way", async || limiter.unsettled() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_functions_are_settled_at_redis() {
    if let Some(two) = at_redis().await {
        throttled_functions_are_settled(two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_functions_are_settled_at_memcached() {
    if let Some(two) = at_memcached().await {
        throttled_functions_are_settled(two).await;
    }
}
