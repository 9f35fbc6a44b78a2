//! Quotas by caller and counted refusals, through the public API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::event::Warning;
use limiter_core::key::client_ip::{ClientIp, Peer};
use limiter_core::key::{Global, Key, KeyContext};
use limiter_core::quota::{Alignment, QuotaList};
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Answer, Capabilities, Operation, Reply, Store, StoreError};
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, Decision, Limiter, Observer, Outcome, Policy, PolicyError, Quota, Rule};

/// A request of a caller with this quota, if any.
fn request(limiter: &Limiter, policy: &Policy, quota: Option<&str>) -> Decision {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    if let Some(quota) = quota {
        parts.extensions.insert::<Quota>(quota.parse().unwrap());
    }
    let client_ip = ClientIp::default();
    let context = KeyContext::new(&parts, Peer::Unknown, &client_ip);
    match limiter.decide(policy, &context) {
        Reply::Now(ruling) => ruling.decision,
        Reply::Later(_) => panic!("the store is in this process"),
    }
}

fn passed(limiter: &Limiter, policy: &Policy, quota: Option<&str>, attempts: usize) -> usize {
    (0..attempts).filter(|_| request(limiter, policy, quota).is_allowed()).count()
}

fn tiered(declared: &str, algorithm: Algorithm) -> Rule {
    let default: Quota = declared.parse().unwrap();
    Rule::new(default)
        .key(Global)
        .algorithm(algorithm)
        .quota_fn(move |parts| parts.extensions.get().copied().unwrap_or(default))
}

fn one(rule: Rule) -> Policy {
    Policy::new("plan", [rule]).unwrap()
}

fn limiter(clock: &ManualClock) -> Limiter {
    Limiter::builder().clock(clock.clone()).build()
}

const ALL: [Algorithm; 5] =
    [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Log, Algorithm::Sliding];

#[test]
fn each_caller_has_its_own_quota_and_the_declared_one_is_the_default() {
    for algorithm in ALL {
        let policy = one(tiered("3/min", algorithm));
        let limiter = limiter(&ManualClock::new());
        assert_eq!(passed(&limiter, &policy, None, 10), 3, "{algorithm}");
        assert_eq!(request(&limiter, &policy, Some("8/min")).usages()[0].limit(), 8, "{algorithm}");
        // What was used stays used: the units, or the share of a bucket, which was spent.
        let left = if algorithm == Algorithm::Bucket { 0 } else { 4 };
        assert_eq!(passed(&limiter, &policy, Some("8/min"), 10), left, "{algorithm}");
        assert!(!request(&limiter, &policy, Some("3/min")).is_allowed(), "{algorithm}");
        let plain = limiter.peek(&policy, &Key::everyone(), 1);
        assert_eq!(plain.usages()[0].limit(), 3, "{algorithm}: without a request the declared quota holds");
    }
}

#[test]
fn quotas_that_flap_admit_no_more_than_the_larger() {
    for algorithm in ALL {
        let policy = one(tiered("5/min", algorithm));
        let limiter = limiter(&ManualClock::new());
        let quotas = [None, Some("7/min"), Some("2/min"), Some("1/min")];
        let admitted: usize = (0..100).map(|turn| passed(&limiter, &policy, quotas[turn % 4], 1)).sum();
        assert!(admitted <= 7, "{algorithm}: {admitted}");
    }
}

#[test]
fn a_caller_without_a_limit_is_exempt_and_one_with_none_is_denied() {
    let policy = one(tiered("3/min", Algorithm::Bucket));
    let limiter = limiter(&ManualClock::new());
    assert_eq!(passed(&limiter, &policy, Some("unlimited"), 100), 100);
    assert!(request(&limiter, &policy, Some("unlimited")).usages().is_empty());
    let denied = request(&limiter, &policy, Some("0/min"));
    assert_eq!((denied.is_allowed(), denied.usages()[0].outcome()), (false, Outcome::NeverFits));
    assert_eq!(denied.retry_after(), None);
    assert_eq!(passed(&limiter, &policy, None, 10), 3, "neither has taken anything");
}

#[test]
fn where_the_declared_quota_is_unlimited_the_function_may_still_limit() {
    let policy = one(tiered("unlimited", Algorithm::Bucket));
    let limiter = limiter(&ManualClock::new());
    assert_eq!(passed(&limiter, &policy, None, 100), 100);
    assert_eq!(passed(&limiter, &policy, Some("2/s"), 100), 2);
}

#[test]
fn quotas_of_another_period_are_counted_apart() {
    let clock = ManualClock::new();
    for algorithm in ALL {
        let policy = one(tiered("3/min", algorithm));
        let limiter = limiter(&clock);
        assert_eq!(passed(&limiter, &policy, None, 10), 3, "{algorithm}");
        assert_eq!(passed(&limiter, &policy, Some("5/h"), 10), 5, "{algorithm}");
        assert_eq!(passed(&limiter, &policy, Some("2/h"), 10), 0, "{algorithm}: same hour");
    }
}

#[test]
fn an_aligned_quota_of_a_caller_goes_by_the_wall_clock() {
    let clock = ManualClock::at_unix(Duration::from_secs(3600 * 1000 + 3599));
    let limiter = limiter(&clock);
    let policy = one(tiered("3/min", Algorithm::Fixed));
    assert_eq!(passed(&limiter, &policy, Some("2/h aligned"), 10), 2);
    clock.advance(Duration::from_secs(1));
    assert_eq!(passed(&limiter, &policy, Some("2/h aligned"), 10), 2);
    let hourly = Quota::per_hour(2).with_alignment(Alignment::Epoch { offset_secs: 0 });
    assert_eq!("2/h aligned".parse::<Quota>().unwrap(), hourly);
}

#[derive(Clone, Default)]
struct Codes(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Codes {
    fn on_warning(&self, warning: &Warning) {
        self.0.lock().unwrap().push(warning.code());
    }
}

#[test]
fn a_quota_that_does_not_fit_the_algorithm_leaves_the_declared_one_in_force_and_warns_once() {
    let codes = Codes::default();
    let limiter = Limiter::builder().clock(ManualClock::new()).observer(codes.clone()).build();
    let policy = one(tiered("3/min", Algorithm::Fixed));
    assert_eq!(passed(&limiter, &policy, Some("10/min burst 50"), 100), 3);
    assert_eq!(*codes.0.lock().unwrap(), ["L006"]);
}

#[test]
fn an_override_takes_the_place_of_the_declared_quota_and_not_of_those_of_plans() {
    let clock = ManualClock::new();
    let limiter = Limiter::builder().clock(clock).override_quota("plan", Quota::per_minute(1)).build();
    let policy = one(tiered("3/min", Algorithm::Fixed));
    assert_eq!(passed(&limiter, &policy, None, 10), 1);
    assert_eq!(passed(&limiter, &policy, Some("5/min"), 10), 4);
}

#[test]
fn under_a_penalty_whoever_keeps_asking_stays_out_until_it_stops() {
    for algorithm in [Algorithm::Bucket, Algorithm::Log, Algorithm::Sliding] {
        let clock = ManualClock::new();
        let (limiter, key) = (limiter(&clock), Key::everyone());
        let policy = one(Rule::new(Quota::per_minute(6)).key(Global).algorithm(algorithm).penalty());
        let mild = one(Rule::new(Quota::per_minute(6)).key(Global).algorithm(algorithm));
        let flood = |policy: &Policy| {
            let attempt = |_| {
                clock.advance(Duration::from_secs(1));
                limiter.check(policy, &key).is_allowed()
            };
            (0..300).filter(|second| attempt(*second)).count()
        };
        assert_eq!(flood(&policy), 6, "{algorithm}");
        let wait = limiter.check(&policy, &key).retry_after().unwrap();
        assert!(wait <= Duration::from_secs(60), "{algorithm}");
        clock.advance(wait - Duration::from_nanos(1));
        assert!(!limiter.peek(&policy, &key, 1).is_allowed(), "{algorithm}");
        clock.advance(Duration::from_nanos(1));
        assert!(limiter.check(&policy, &key).is_allowed(), "{algorithm}");
        assert!(flood(&mild) > 20, "{algorithm}");
    }
}

#[test]
fn a_penalty_counts_what_its_own_rule_refuses_and_nothing_else() {
    let clock = ManualClock::new();
    for algorithm in ALL {
        let (limiter, key) = (limiter(&clock), Key::everyone());
        let strict = Rule::new(Quota::per_minute(10)).key(Global).algorithm(algorithm).penalty().named("strict");
        let mild = Rule::new(Quota::per_minute(4)).key(Global).algorithm(algorithm).named("mild");
        let policy = Policy::new("both", [strict, mild]).unwrap();
        let remaining =
            |decision: &Decision| decision.usages().iter().map(|usage| usage.remaining()).collect::<Vec<_>>();
        // The other rule refuses: nothing is charged to either.
        assert!(limiter.check_cost(&policy, &key, 3).is_allowed(), "{algorithm}");
        let refused = limiter.check_cost(&policy, &key, 3);
        assert!(!refused.is_allowed());
        assert_eq!(remaining(&refused), [7, 1], "{algorithm}");
        // A cost that could never pass is not counted.
        assert_eq!(remaining(&limiter.check_cost(&policy, &key, 11)), [7, 1], "{algorithm}");
        // Asking without taking is not counted.
        assert_eq!(remaining(&limiter.peek(&policy, &key, 8)), [7, 1], "{algorithm}");
        // Its own refusal is counted; the other rule is left alone.
        assert_eq!(remaining(&limiter.check_cost(&policy, &key, 8)), [0, 1], "{algorithm}");
    }
}

#[test]
fn several_bandwidths_are_several_rules_and_named_in_order() {
    let list: QuotaList = "10/s burst 20, 1000/h".parse().unwrap();
    let policy = Policy::new("api", list.iter().map(|quota| Rule::new(*quota).key(Global))).unwrap();
    assert_eq!(policy.rule_names().collect::<Vec<_>>(), ["api", "api-2"]);
}

#[test]
fn a_rule_that_its_algorithm_cannot_count_is_refused_with_the_way_out() {
    let refused = |rule: Rule| match Policy::new("p", [rule.key(Global)]) {
        Err(error @ PolicyError::Quota { .. }) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    };
    let rule = |quota: &str, algorithm| Rule::new(quota.parse().unwrap()).algorithm(algorithm);
    assert_eq!(
        refused(rule("10001/h", Algorithm::Log)),
        "rule `p`: a count of 10001 is more than an exact log remembers; accepted: up to 10000, or algorithm `sliding`"
    );
    for algorithm in [Algorithm::Log, Algorithm::Sliding] {
        assert!(refused(rule("10/h aligned", algorithm)).contains("use algorithm `fixed`"));
        assert!(refused(rule("10/h burst 20", algorithm)).contains("no `burst`"));
    }
    assert!(refused(Rule::concurrent(3).penalty()).contains("leave `penalty` out"));
    assert!(Policy::new("p", [rule("10000/h", Algorithm::Log).key(Global)]).is_ok());
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
}

/// A store that cannot count refusals.
#[derive(Debug)]
struct Plain(MemoryStore);

impl Store for Plain {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        self.0.submit(operation)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&Algorithm::ALL, 4).local()
    }
}

#[test]
fn a_penalty_needs_a_store_that_counts_refusals() {
    let limiter = Limiter::builder().store(Plain(MemoryStore::new())).build();
    let rule = || Rule::new(Quota::per_minute(5)).key(Global);
    assert_eq!(limiter.prepare(&one(rule())), Ok(()));
    let refused = limiter.prepare(&one(rule().penalty())).unwrap_err();
    assert_eq!(refused.to_string(), "rule `plan`: the store cannot count refused requests");
}
