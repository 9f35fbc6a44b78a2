//! Guards that count by fixed and by sliding windows.

use std::time::Duration;

use limiter_core::key::client_ip::{ClientIp, Peer};
use limiter_core::key::{Global, KeyContext};
use limiter_core::store::Reply;
use limiter_core::{Algorithm, Decision, Limiter, Policy, Quota, Rule};
use serde_json::Value;

use crate::cases::{Timeline, answers, id, load, millis, steps, times};
use crate::models::{Exact, FirstHit};

/// A limiter whose quota comes with the request.
struct Rig {
    time: Timeline,
    limiter: Limiter,
    policy: Policy,
    client_ip: ClientIp,
}

impl Rig {
    fn new(case: &Value, algorithm: Algorithm) -> Self {
        let time = Timeline::new(millis(&case["base_ms"]));
        let limiter = Limiter::builder().clock(time.clock.clone()).build();
        let declared = quota(&case["quota"]);
        let rule = Rule::new(declared)
            .key(Global)
            .algorithm(algorithm)
            .quota_fn(move |parts| parts.extensions.get::<Quota>().copied().unwrap_or(declared));
        Rig { time, limiter, policy: Policy::new("guard", [rule]).unwrap(), client_ip: ClientIp::default() }
    }

    fn request(&self, quota: Option<Quota>) -> Decision {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.extensions.extend(
            quota
                .map(|quota| {
                    let mut one = http::Extensions::new();
                    one.insert(quota);
                    one
                })
                .unwrap_or_default(),
        );
        let context = KeyContext::new(&parts, Peer::Unknown, &self.client_ip);
        match self.limiter.decide(&self.policy, &context) {
            Reply::Now(ruling) => ruling.decision,
            Reply::Later(_) => panic!("the store is in this process"),
        }
    }
}

fn quota(value: &Value) -> Quota {
    Quota::new(millis(&value["limit"]), Duration::from_millis(millis(&value["period_ms"]))).unwrap()
}

fn fixed(case: &Value) -> usize {
    let mut rig = Rig::new(case, Algorithm::Fixed);
    let (mut recorded, mut ours) = (FirstHit::recorded(), FirstHit::default());
    for step in steps(case) {
        let at = rig.time.go_to(step);
        let (expect, place) = (&step["expect"], format!("{} at {at}", id(case)));
        let in_force = step.get("quota").unwrap_or(&case["quota"]);
        let (limit, period) = (millis(&in_force["limit"]), millis(&in_force["period_ms"]));
        let wanted = answers(&expect["allowed"]);
        assert_eq!(wanted.len() as u64, times(step), "{place}");
        let mut last = (false, 0, 0);
        for allowed in wanted {
            let model = recorded.request(at, limit, period);
            assert_eq!(model.0, allowed, "{place}: the model differs from the recording");
            let (passes, remaining, ends) = ours.request(at, limit, period);
            let decision = rig.request(Some(quota(in_force)));
            assert_eq!(decision.is_allowed(), passes, "{place}");
            let usage = &decision.usages()[0];
            assert_eq!((usage.limit(), usage.remaining()), (limit, remaining), "{place}");
            assert_eq!(usage.reset_after(), Some(Duration::from_millis(ends - at)), "{place}");
            last = model;
        }
        // What was recorded of the last repetition is what the model says, or the model is wrong.
        let recorded = (expect["remaining"].as_u64(), expect["reset_s_from_base"].as_u64());
        assert_eq!(recorded.0, Some(last.1), "{place}");
        assert!(recorded.1.is_none_or(|seconds| seconds == last.2 / 1000), "{place}");
    }
    steps(case).len()
}

fn sliding(case: &Value) -> usize {
    let mut rig = Rig::new(case, Algorithm::Log);
    let (limit, period) = (millis(&case["quota"]["limit"]), millis(&case["quota"]["period_ms"]));
    for step in steps(case) {
        let at = rig.time.go_to(step);
        let wanted = step["strict_window"].as_bool().or(step["expect"]["allowed"].as_bool()).unwrap();
        let allowed = rig.request(None).is_allowed();
        // A limit of 0 admits one where this was recorded. Here it says what it means.
        assert_eq!(allowed, wanted && limit > 0, "{} at {at}, {limit} per {period} ms", id(case));
    }
    steps(case).len()
}

#[test]
fn every_case_comes_out_as_recorded_or_by_our_rule_for_edges_and_changed_quotas() {
    let (_, cases) = load(include_str!("../../../tests/vectors/salvo_guards.json"));
    let (mut guards, mut run) = ((0, 0), 0);
    for case in &cases {
        match case["kind"].as_str().unwrap() {
            "fixed" => {
                guards.0 += 1;
                run += fixed(case);
            }
            "sliding" => {
                guards.1 += 1;
                run += sliding(case);
            }
            other => panic!("{}: unknown guard {other}", id(case)),
        }
    }
    assert_eq!((guards, run), (GUARDS, STEPS));
}

#[test]
fn sliding_guards_agree_with_a_list_of_all_admissions() {
    let (_, cases) = load(include_str!("../../../tests/vectors/salvo_guards.json"));
    for case in cases.iter().filter(|case| case["kind"] == "sliding" && id(case) != STEPS_BACK) {
        let (limit, period) = (millis(&case["quota"]["limit"]), millis(&case["quota"]["period_ms"]));
        let (mut rig, mut model) = (Rig::new(case, Algorithm::Log), Exact::default());
        for step in steps(case) {
            let at = rig.time.go_to(step);
            let passes = model.request(at, usize::try_from(limit).unwrap(), period);
            assert_eq!(rig.request(None).is_allowed(), passes, "{} at {at}", id(case));
        }
    }
}

/// Time goes back in it, which a list of times cannot tell from an early time.
const STEPS_BACK: &str = "S1-G34";
/// Fixed and sliding.
const GUARDS: (usize, usize) = (6, 6);
const STEPS: usize = 212;
