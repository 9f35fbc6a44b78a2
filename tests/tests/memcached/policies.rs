//! What the store cannot keep is refused when a policy is prepared, with the reason.

use limiter_core::key::Global;
use limiter_core::{Algorithm, Key, Limiter, Policy, Reply, Rule};

use crate::fixture::Fixture;

#[test]
fn what_cannot_be_kept_is_refused_when_it_is_prepared() {
    let Some(fixture) = Fixture::private() else { return };
    let limiter = Limiter::builder().clock(fixture.clock.clone()).store(fixture.store.clone()).build();
    let rule = |quota: &str| Rule::new(quota.parse().unwrap()).key(Global);
    for (rules, expected) in [
        (
            vec![rule("5/s").named("a"), rule("100/h").named("b")],
            "rule `b`: the store cannot decide about more than 1 rules at once",
        ),
        (
            vec![rule("101/min").named("a").algorithm(Algorithm::Log)],
            "rule `a`: the store cannot count 101 units by algorithm `log`; accepted: up to 100",
        ),
        (
            vec![Rule::concurrent(33).named("a").key(Global)],
            "rule `a`: the store cannot count 33 units by algorithm `concurrent`; accepted: up to 32",
        ),
    ] {
        let policy = Policy::new("p", rules).unwrap();
        assert_eq!(limiter.prepare(&policy).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_limiter_decides_at_a_server_and_refunds_there() {
    let Some(fixture) = Fixture::private() else { return };
    let limiter = Limiter::builder().clock(fixture.clock.clone()).store(fixture.store.clone()).build();
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Sliding, Algorithm::Interval, Algorithm::Log] {
        let rule = Rule::new("2/min".parse().unwrap()).algorithm(algorithm).key(Global);
        let policy = Policy::new(format!("greet-{algorithm}"), [rule]).unwrap();
        let decide = || match limiter.decide_key(&policy, &Key::everyone(), 1) {
            Reply::Later(ruling) => fixture.runtime.block_on(ruling),
            Reply::Now(ruling) => ruling,
        };
        let first = decide();
        assert!(first.decision.is_allowed() && !first.decision.is_degraded(), "{algorithm}");
        assert!(decide().decision.is_allowed());
        let refused = decide().decision;
        assert!(!refused.is_allowed() && refused.retry_after().is_some(), "{algorithm}");
        limiter.refund(first.receipt);
        assert!(decide().decision.is_allowed(), "{algorithm}: what was given back can be taken");
        assert!(!decide().decision.is_allowed());
    }
}
