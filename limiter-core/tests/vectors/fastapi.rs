//! Reads and writes counted apart by client address. Status and headers are the service's; what is
//! checked here is what they are made of.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use limiter_core::key::KeyContext;
use limiter_core::key::client_ip::{ClientIp, Peer};
use limiter_core::store::Reply;
use limiter_core::store::memory::MemoryStore;
use limiter_core::{Algorithm, Decision, Limiter, MethodClass, Policy, Quota, Rule};
use serde_json::Value;

use crate::cases::{Timeline, id, load, millis, steps, times};
use crate::models::FirstHit;

/// Few enough that a flood meets the ceiling, enough for the windows of a case.
const CEILING: usize = 4096;

struct Rig {
    time: Timeline,
    limiter: Limiter,
    policy: Policy,
}

impl Rig {
    fn new(config: &Value) -> Self {
        let time = Timeline::new(0);
        let limiter = Limiter::builder().clock(time.clock.clone()).memory(MemoryStore::with_ceiling(CEILING)).build();
        let window = Duration::from_secs(millis(&config["window_s"]));
        let rule = |limit: &str, class| {
            let quota = Quota::new(millis(&config[limit]), window).unwrap();
            Rule::new(quota).algorithm(Algorithm::Fixed).class(class)
        };
        let rules = [rule("read_limit", MethodClass::Read), rule("write_limit", MethodClass::Write)];
        Rig { time, limiter, policy: Policy::new("api", rules).unwrap() }
    }

    fn request(&self, step: &Value, peer: IpAddr) -> Decision {
        let mut request =
            http::Request::builder().method(step["method"].as_str().unwrap()).uri(step["path"].as_str().unwrap());
        if let Some(forwarded) = step["x_forwarded_for"].as_str() {
            request = request.header("x-forwarded-for", forwarded);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let client_ip = ClientIp::default();
        let context = KeyContext::new(&parts, Peer::from(SocketAddr::new(peer, 1)), &client_ip);
        match self.limiter.decide(&self.policy, &context) {
            Reply::Now(ruling) => ruling.decision,
            Reply::Later(_) => panic!("the store is in this process"),
        }
    }

    fn tracked(&self) -> u64 {
        self.limiter.memory().unwrap().stats().keys as u64
    }
}

/// The peer of a repetition. Names that are no addresses stand for different ones.
fn peer(step: &Value, repetition: u64) -> IpAddr {
    let text = step["peer"].as_str().unwrap().replace("%d", &repetition.to_string());
    text.parse().unwrap_or_else(|_| {
        let number = u32::try_from(repetition).unwrap();
        IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + number))
    })
}

fn statuses(step: &Value) -> Vec<u64> {
    let expect = &step["expect"];
    match expect["status_runs"].as_array() {
        None => vec![expect["status"].as_u64().unwrap()],
        Some(runs) => {
            let run = |run: &Value| vec![run[0].as_u64().unwrap(); usize::try_from(run[1].as_u64().unwrap()).unwrap()];
            runs.iter().flat_map(run).collect()
        }
    }
}

/// Steps run, and waits that are better than recorded.
fn run(case: &Value) -> (usize, usize) {
    let config = &case["config"];
    let mut rig = Rig::new(config);
    let mut waits = 0;
    let mut models: std::collections::HashMap<(bool, IpAddr), (FirstHit, FirstHit)> = Default::default();
    for step in steps(case) {
        let at = rig.time.go_to(step);
        let (expect, place) = (&step["expect"], format!("{} at {at}", id(case)));
        if step["op"] == "tracked" {
            // Stale addresses go at least as early, and there is a ceiling.
            assert!(rig.tracked() <= millis(&expect["tracked_keys"]), "{place}");
            assert!(rig.tracked() <= CEILING as u64, "{place}");
            continue;
        }
        assert_eq!(step["op"], "request", "{place}");
        let read = step["method"] == "GET";
        let limit = millis(&config[if read { "read_limit" } else { "write_limit" }]);
        let period = millis(&config["window_s"]) * 1000;
        let wanted = statuses(step);
        assert_eq!(wanted.len() as u64, times(step), "{place}");
        let last = step["expect"].get("last").unwrap_or(expect);
        for (repetition, status) in wanted.iter().enumerate() {
            let peer = peer(step, repetition as u64);
            let (recorded, ours) =
                models.entry((read, peer)).or_insert_with(|| (FirstHit::recorded(), FirstHit::default()));
            let model = recorded.request(at, limit, period);
            assert_eq!(model.0, *status == 200, "{place}: the model differs from the recording");
            let (passes, remaining, ends) = ours.request(at, limit, period);
            let decision = rig.request(step, peer);
            let [usage] = decision.usages() else { panic!("{place}: one rule counts a request") };
            assert_eq!(
                (decision.is_allowed(), usage.limit(), usage.remaining()),
                (passes, limit, remaining),
                "{place}"
            );
            // A limit of 0 never admits, so there is no time to wait for.
            let wait = (!passes && limit > 0).then(|| Duration::from_millis(ends - at));
            assert_eq!(decision.retry_after(), wait, "{place}");
            if repetition + 1 == wanted.len() {
                assert!(last.get("limit").is_none_or(|recorded| *recorded == limit), "{place}");
                assert!(last.get("remaining").is_none_or(|recorded| *recorded == model.1), "{place}");
                // Recorded was the whole window; what is better is what is left of it.
                if let (Some(seconds), Some(wait)) = (step["better"]["retry_after_s"].as_u64(), wait) {
                    assert_eq!(wait.as_millis().div_ceil(1000), u128::from(seconds), "{place}");
                    waits += 1;
                }
            }
        }
    }
    assert!(rig.tracked() <= CEILING as u64);
    (steps(case).len(), waits)
}

#[test]
fn every_case_comes_out_as_recorded_or_by_our_rules_for_edges_waits_and_peers() {
    let (_, cases) = load(include_str!("../../../tests/vectors/fastapi_per_ip.json"));
    let ran: Vec<(usize, usize)> = cases.iter().map(run).collect();
    let sums = ran.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!((cases.len(), sums), (CASES, (STEPS, WAITS)));
}

const CASES: usize = 9;
const STEPS: usize = 29;
const WAITS: usize = 3;
