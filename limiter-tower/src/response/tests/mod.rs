//! Refusals of real decisions, on a clock that is moved by hand.

mod content;
mod grpc;
mod status;
mod waits;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use limiter_core::testing::ManualClock;
use limiter_core::{Decision, Key, Limiter, Policy, Reply, Rule, Ruling};

pub(super) fn limiter() -> (Limiter, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::builder().clock(clock.clone()).build(), clock)
}

pub(super) fn policy(rules: impl IntoIterator<Item = Rule>) -> Policy {
    Policy::new("api", rules).unwrap()
}

pub(super) fn rule(quota: &str) -> Rule {
    Rule::new(quota.parse().unwrap())
}

pub(super) fn get() -> Parts {
    Request::get("/").body(()).unwrap().into_parts().0
}

pub(super) fn call(content_type: &str) -> Parts {
    Request::post("/").header("content-type", content_type).body(()).unwrap().into_parts().0
}

/// The decision that refuses `cost` units after the policy's quota is spent.
pub(super) fn spent(limiter: &Limiter, policy: &Policy, cost: u64) -> Decision {
    for _ in 0..10_000 {
        let decision = limiter.check_cost(policy, &Key::from("acme"), cost);
        if !decision.is_allowed() {
            return decision;
        }
    }
    panic!("never refused");
}

pub(super) fn now(reply: Reply<Ruling>) -> Ruling {
    match reply {
        Reply::Now(ruling) => ruling,
        Reply::Later(_) => panic!("the memory answers at once"),
    }
}

/// The decision that refuses a second holder of a single slot.
pub(super) fn full(limiter: &Limiter, slot: Rule) -> Decision {
    let policy = policy([slot.named("slots")]);
    let _held = now(limiter.decide_key(&policy, &Key::from("acme"), 1));
    limiter.check(&policy, &Key::from("acme"))
}

pub(super) fn field<'r>(response: &'r Response<Bytes>, name: &str) -> Option<&'r str> {
    let mut lines = response.headers().get_all(name).iter();
    let line = lines.next()?;
    assert!(lines.next().is_none(), "{name} twice in {response:?}");
    Some(line.to_str().unwrap())
}

pub(super) fn text(response: &Response<Bytes>) -> &str {
    core::str::from_utf8(response.body()).unwrap()
}
