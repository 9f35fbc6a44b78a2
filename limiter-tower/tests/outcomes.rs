//! Charges that the answer or the handler settles, in the layer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use limiter_tower::{Global, Limiter, Policy, Quota, RateLimitLayer, Rule, Settle, Settlement};
use support::{LaterStore, TestBody, get, limiter, ok, remaining, status};
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

/// A layer of one rule for everybody together, and its policy.
fn layer(count: u64, settle: Settle, limiter: &Limiter) -> (RateLimitLayer, Policy) {
    let rule = Rule::new(Quota::per_hour(count)).key(Global).settle(settle);
    let policy = Policy::new("p", [rule]).unwrap();
    let layer = RateLimitLayer::builder().policy(policy.clone()).limiter(limiter.clone()).build().unwrap();
    (layer, policy)
}

/// Answers with the status that the path names.
async fn echo(request: Request<TestBody>) -> Result<Response<TestBody>, Infallible> {
    let status = request.uri().path().trim_start_matches('/').parse::<StatusCode>().unwrap();
    Ok(Response::builder().status(status).body(TestBody::default()).unwrap())
}

#[tokio::test]
async fn only_failed_logins_count_and_the_fields_say_so() {
    let limiter = limiter();
    let service = layer(3, Settle::failed(), &limiter).0.layer(service_fn(echo));
    let ask = async |path: &str| {
        let answer = service.clone().oneshot(get(path)).await.unwrap();
        let left = answer.headers()["x-ratelimit-remaining"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), left)
    };
    let expected = [("/200", 200, "3"), ("/401", 401, "2"), ("/200", 200, "2"), ("/401", 401, "1"), ("/500", 500, "0")];
    for (path, status, left) in expected {
        assert_eq!(ask(path).await, (status, left.to_owned()));
    }
    assert_eq!(ask("/200").await, (429, "0".to_owned()));
}

#[tokio::test]
async fn not_modified_and_server_errors_can_be_free() {
    let limiter = limiter();
    let (layer, policy) = layer(9, Settle::count("not 304, 5xx".parse().unwrap()), &limiter);
    let service = layer.layer(service_fn(echo));
    for (path, left) in [("/304", 9), ("/502", 9), ("/200", 8), ("/404", 7)] {
        status(&service, get(path)).await;
        assert_eq!(remaining(&limiter, &policy), left, "{path}");
    }
}

#[tokio::test]
async fn a_function_of_the_answer_says_what_it_cost() {
    let limiter = limiter();
    let settle = Settle::cost_fn(|answer| match answer.headers.get("x-tokens") {
        Some(tokens) => tokens.to_str().ok().and_then(|tokens| tokens.parse().ok()).unwrap_or(1),
        None => 5,
    });
    let (layer, policy) = layer(100, settle, &limiter);
    let service = layer.layer(service_fn(async |request: Request<TestBody>| {
        let answer = Response::builder();
        let known = request.uri().path() == "/known";
        let answer = if known { answer.header("x-tokens", "30") } else { answer };
        Ok::<_, Infallible>(answer.body(TestBody::default()).unwrap())
    }));
    status(&service, get("/known")).await;
    assert_eq!(remaining(&limiter, &policy), 70);
    status(&service, get("/unknown")).await;
    assert_eq!(remaining(&limiter, &policy), 65);
}

/// A login that takes its time: it holds all that come until it is told to answer.
fn slow_login(
    gate: &Arc<Semaphore>,
) -> impl Service<Request<TestBody>, Response = Response<TestBody>, Error = Infallible, Future: Send> + Clone + use<> {
    let gate = Arc::clone(gate);
    service_fn(move |request: Request<TestBody>| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            echo(request).await
        }
    })
}

#[tokio::test]
async fn of_ten_good_logins_at_once_lenient_refuses_none_and_strict_those_that_might_fail_too_many() {
    for (settle, good) in [(Settle::failed().lenient(10), 10), (Settle::failed().strict(), 3)] {
        let (limiter, gate) = (limiter(), Arc::new(Semaphore::new(0)));
        let (layer, policy) = layer(3, settle, &limiter);
        let service = layer.layer(slow_login(&gate));
        let logins = join_all((0..10).map(|_| status(&service, get("/200"))));
        let (statuses, ()) = tokio::join!(logins, async { gate.add_permits(10) });
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), good);
        assert_eq!(remaining(&limiter, &policy), 3);
        gate.add_permits(1);
        assert_eq!(status(&service, get("/200")).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn of_a_thousand_bad_logins_at_once_only_the_stated_number_gets_through() {
    for (settle, most) in [(Settle::failed().lenient(10), 10), (Settle::failed().strict(), 3)] {
        let (limiter, gate) = (limiter(), Arc::new(Semaphore::new(0)));
        let (layer, policy) = layer(3, settle, &limiter);
        let service = layer.layer(slow_login(&gate));
        let logins = join_all((0..1000).map(|_| status(&service, get("/401"))));
        let (statuses, ()) = tokio::join!(logins, async { gate.add_permits(1000) });
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count(), most);
        assert_eq!(remaining(&limiter, &policy), 0);
        assert_eq!(status(&service, get("/401")).await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(limiter.unsettled(), 0);
    }
}

#[tokio::test]
async fn refusals_of_a_limit_further_in_are_no_failures_of_the_one_outside() {
    for settle in [Settle::failed(), Settle::failed().lenient(4)] {
        let limiter = limiter();
        let (outer, policy) = layer(9, settle, &limiter);
        let service = ServiceBuilder::new().layer(outer).layer(support::shared(1, &limiter)).service(service_fn(ok));
        assert_eq!(status(&service, get("/")).await, StatusCode::OK);
        for _ in 0..20 {
            assert_eq!(status(&service, get("/")).await, StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!(remaining(&limiter, &policy), 9);
    }
}

#[tokio::test]
async fn a_service_that_fails_is_a_failure_and_a_client_that_goes_away_counts() {
    let limiter = limiter();
    let (failures, of_failures) = layer(9, Settle::failed(), &limiter);
    let (successes, of_successes) = layer(9, Settle::success().lenient(4), &limiter);
    let service = ServiceBuilder::new().layer(failures).layer(successes).service(service_fn(
        async |request: Request<TestBody>| match request.uri().path() {
            "/fails" => Err(std::io::Error::other("broken")),
            _ => std::future::pending::<Result<Response<TestBody>, _>>().await,
        },
    ));
    assert!(service.clone().oneshot(get("/fails")).await.is_err());
    assert_eq!((remaining(&limiter, &of_failures), remaining(&limiter, &of_successes)), (8, 9));
    assert!(tokio::time::timeout(Duration::ZERO, service.clone().oneshot(get("/hangs"))).await.is_err());
    assert_eq!((remaining(&limiter, &of_failures), remaining(&limiter, &of_successes)), (7, 8));
    assert_eq!(limiter.unsettled(), 0);
}

#[tokio::test]
async fn a_handler_that_panics_counts() {
    let limiter = limiter();
    let (layer, policy) = layer(9, Settle::failed().lenient(4), &limiter);
    let service = layer.layer(service_fn(async |request: Request<TestBody>| {
        tokio::task::yield_now().await;
        assert!(request.uri().path() != "/", "as it was told");
        ok(request).await
    }));
    assert!(tokio::spawn(service.oneshot(get("/"))).await.unwrap_err().is_panic());
    assert_eq!(remaining(&limiter, &policy), 8);
    assert_eq!(limiter.unsettled(), 0);
}

#[tokio::test]
async fn one_handle_settles_all_layers_and_may_outlive_the_answer() {
    let limiter = limiter();
    let (outer, of_outer) = layer(100, Settle::by_handler(), &limiter);
    let (inner, of_inner) = layer(100, Settle::by_handler().lenient(4), &limiter);
    let (give, mut given) = tokio::sync::mpsc::unbounded_channel();
    let service = outer.layer(inner.layer(service_fn(move |request: Request<TestBody>| {
        give.send(request.extensions().get::<Settlement>().cloned().unwrap()).unwrap();
        ok(request)
    })));
    assert_eq!(status(&service, get("/")).await, StatusCode::OK);
    let settlement = given.recv().await.unwrap();
    assert_eq!((remaining(&limiter, &of_outer), remaining(&limiter, &of_inner)), (99, 100));
    assert!(settlement.cost(40));
    drop(settlement);
    assert_eq!((remaining(&limiter, &of_outer), remaining(&limiter, &of_inner)), (60, 60));
    assert!(!Settlement::default().cost(1));
}

#[tokio::test]
async fn a_store_that_answers_later_settles_the_same() {
    let (store, answers) = LaterStore::new();
    answers.release();
    let limiter = Limiter::builder().store(store).build();
    let (layer, _) = layer(3, Settle::failed(), &limiter);
    let service = layer.layer(service_fn(echo));
    for _ in 0..9 {
        assert_eq!(status(&service, get("/200")).await, StatusCode::OK);
    }
    for expected in [401, 401, 401, 429] {
        assert_eq!(status(&service, get("/401")).await, expected);
    }
}

#[tokio::test]
async fn settling_holds_for_quotas_given_to_the_builder_and_leaves_rules_as_they_are() {
    let limiter = limiter();
    let layer = RateLimitLayer::builder()
        .quota("2/h")
        .key(Global)
        .settle(Settle::failed())
        .rule(Rule::new(Quota::per_hour(4)).key(Global))
        .limiter(limiter.clone())
        .build()
        .unwrap();
    let service = layer.layer(service_fn(echo));
    for expected in [200, 200, 200, 200, 429] {
        assert_eq!(status(&service, get("/200")).await, expected);
    }
}
