//! What the proxy doctor finds out, that it says so once, and that it changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use http::Request;
use http::request::Parts;
use limiter_core::key::KeyContext;
use limiter_core::key::client_ip::{ClientIp, ClientIpBuilder, Peer};
use limiter_core::store::Reply;
use limiter_core::{
    Applied, AppliedWatch, Decision, Limiter, MethodClass, Missing, Observer, Policy, Quota, Rule, Warning,
};

#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<Warning>>>);

impl Observer for Warnings {
    fn on_warning(&self, warning: &Warning) {
        self.0.lock().unwrap().push(warning.clone());
    }
}

/// A limiter, and what it warns of.
struct Patient {
    limiter: Limiter,
    policy: Policy,
    warnings: Warnings,
}

impl Patient {
    fn new(client_ip: ClientIpBuilder) -> Self {
        let warnings = Warnings::default();
        let builder = Limiter::builder().client_ip(client_ip.build().unwrap()).observer(warnings.clone());
        let policy = Policy::new("p", [Rule::new(Quota::per_minute(1_000_000))]).unwrap();
        Patient { limiter: builder.build(), policy, warnings }
    }

    fn ask(&self, peer: Peer, headers: &[(&str, &str)]) -> Decision {
        let context_parts = parts(headers);
        let context = KeyContext::new(&context_parts, peer, self.limiter.client_ip());
        match self.limiter.decide(&self.policy, &context) {
            Reply::Now(ruling) => ruling.decision,
            Reply::Later(_) => panic!("memory answers at once"),
        }
    }

    fn codes(&self) -> Vec<&'static str> {
        self.warnings.0.lock().unwrap().iter().map(Warning::code).collect()
    }

    fn text(&self) -> String {
        self.warnings.0.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

fn parts(headers: &[(&str, &str)]) -> Parts {
    let request = headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

fn ip(text: &str) -> Peer {
    Peer::Ip(text.parse().unwrap())
}

fn behind_one() -> ClientIpBuilder {
    ClientIp::behind_nginx(["10.0.0.1"])
}

const FORWARDED_FOR: &str = "x-forwarded-for";

#[test]
fn a_header_from_an_internal_peer_that_is_not_trusted_is_told_at_once_and_once() {
    for (policy, header) in [(ClientIp::builder(), "cf-connecting-ip"), (behind_one(), FORWARDED_FOR)] {
        for peer in ["10.0.0.2", "127.0.0.1", "::ffff:192.168.1.1", "fd00::7", "100.64.0.1"] {
            let patient = Patient::new(policy.clone());
            for client in ["203.0.113.7", "203.0.113.8", "203.0.113.9"] {
                patient.ask(ip(peer), &[(header, client)]);
            }
            patient.ask(ip(peer), &[("forwarded", "for=203.0.113.7")]);
            assert_eq!(patient.codes(), ["L101"], "{peer}");
            let text = patient.text();
            assert!(text.contains(header) && text.contains("trusted([..])"), "{text}");
            assert!(text.ends_with("(see README.md#behind-a-proxy)"), "{text}");
        }
    }
}

#[test]
fn a_stranger_who_sends_a_header_raises_no_alarm_until_nearly_everybody_does() {
    let patient = Patient::new(ClientIp::builder());
    for stranger in 0..150 {
        patient.ask(ip(&format!("203.0.113.{stranger}")), &[]);
        patient.ask(ip(&format!("198.51.100.{stranger}")), &[(FORWARDED_FOR, "192.0.2.1")]);
    }
    assert_eq!(patient.codes(), [""; 0]);

    let cdn = Patient::new(ClientIp::builder());
    for _ in 0..150 {
        cdn.ask(ip("203.0.113.7"), &[(FORWARDED_FOR, "192.0.2.1")]);
    }
    assert_eq!(cdn.codes(), ["L101"]);
}

#[test]
fn a_trusted_network_too_wide_for_proxies_is_told_at_start() {
    for (network, header) in [
        ("10.0.0.0/8", FORWARDED_FOR),
        ("192.168.0.0/16", FORWARDED_FOR),
        ("172.16.0.0/12", "cf-connecting-ip"),
        ("160.0.0.0/3", "forwarded"),
        ("103.0.0.0/15", FORWARDED_FOR),
        ("fd00::/8", FORWARDED_FOR),
        ("fc00::/7", "x-real-ip"),
        ("2400::/16", FORWARDED_FOR),
    ] {
        let patient = Patient::new(ClientIp::builder().header(header).trusted([network, "192.0.2.1"]));
        assert_eq!(patient.codes(), ["L102"], "{network}");
        assert!(patient.text().contains(network), "{}", patient.text());
    }
    for (networks, header) in [
        (&["10.0.0.0/24", "192.168.7.0/24", "172.20.0.0/16", "fd00:1:2::/48", "127.0.0.0/8", "::1"][..], FORWARDED_FOR),
        // As published by providers.
        (&["104.16.0.0/13", "2606:4700::/32", "2a06:98c0::/29"], "cf-connecting-ip"),
    ] {
        assert_eq!(Patient::new(ClientIp::builder().header(header).trusted(networks)).codes(), [""; 0]);
    }
}

#[test]
fn one_client_for_all_requests_through_proxies_is_told_after_many() {
    // The outer proxy, 10.0.0.2, is not trusted, so everybody is the outer proxy.
    let patient = Patient::new(behind_one());
    for client in 0..190 {
        patient.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, &format!("203.0.113.{client}, 10.0.0.2"))]);
    }
    assert_eq!(patient.codes(), [""; 0]);
    for _ in 0..50 {
        patient.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, "203.0.113.7, 10.0.0.2")]);
    }
    assert_eq!(patient.codes(), ["L103"]);

    let healthy = Patient::new(behind_one());
    for client in 0..250 {
        healthy.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, &format!("203.0.113.{client}"))]);
    }
    assert_eq!(healthy.codes(), [""; 0]);
}

#[test]
fn a_missing_peer_is_told_whatever_the_rule_does_about_it() {
    for missing in [Missing::Shared, Missing::Refuse, Missing::Skip] {
        for (peer, code) in [(Peer::Unknown, "L001"), (Peer::Unix, "L106")] {
            let mut patient = Patient::new(ClientIp::builder());
            patient.policy = Policy::new("p", [Rule::new(Quota::per_minute(9)).missing(missing)]).unwrap();
            patient.ask(peer, &[]);
            patient.ask(peer, &[]);
            assert_eq!(patient.codes(), [code], "{missing:?}");
        }
    }
}

#[test]
fn two_list_headers_through_a_trusted_proxy_are_told_and_a_single_one_beside_is_not() {
    let patient = Patient::new(behind_one());
    patient.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, "203.0.113.7"), ("x-real-ip", "203.0.113.7")]);
    assert_eq!(patient.codes(), [""; 0]);
    patient.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, "203.0.113.7"), ("forwarded", "for=192.0.2.1")]);
    patient.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, "203.0.113.8"), ("forwarded", "for=192.0.2.1")]);
    assert_eq!(patient.codes(), ["L104"]);
}

#[test]
fn a_hop_count_that_never_matches_is_told() {
    let patient = Patient::new(ClientIp::hops(2));
    for client in 0..60 {
        patient.ask(ip("203.0.113.1"), &[(FORWARDED_FOR, &format!("198.51.100.{client}"))]);
    }
    assert_eq!(patient.codes(), ["L105"]);
    assert!(patient.text().contains("2 proxies"), "{}", patient.text());

    let sometimes = Patient::new(ClientIp::hops(2));
    sometimes.ask(ip("203.0.113.1"), &[(FORWARDED_FOR, "198.51.100.1, 192.0.2.1")]);
    for client in 0..100 {
        sometimes.ask(ip(&format!("203.0.113.{client}")), &[(FORWARDED_FOR, "198.51.100.1")]);
    }
    assert_eq!(sometimes.codes(), [""; 0]);
}

#[test]
fn a_budget_that_is_charged_twice_by_one_request_is_told() {
    let patient = Patient::new(ClientIp::builder());
    let shared = |class| Rule::new(Quota::per_minute(9)).scope("search").class(class).named(format!("{class:?}"));
    let policy = |class| Policy::new("q", [shared(class)]).unwrap();
    let passes = |policies: &[&Policy]| {
        let (watch, mut applied) = (AppliedWatch::default(), Applied::default());
        let limiter = &patient.limiter;
        policies.iter().for_each(|policy| watch.note(limiter, limiter, policy, MethodClass::Read, &mut applied));
    };
    // Made apart, and read beside write: nothing is charged twice.
    passes(&[&policy(MethodClass::Read), &policy(MethodClass::Write), &patient.policy]);
    passes(&[&patient.policy]);
    assert_eq!(patient.codes(), [""; 0]);
    passes(&[&patient.policy, &policy(MethodClass::Read), &patient.policy]);
    passes(&[&patient.policy, &patient.policy]);
    assert_eq!(patient.codes(), ["L107"]);
    // By scope alone.
    passes(&[&policy(MethodClass::Any), &policy(MethodClass::Read)]);
    assert_eq!(patient.codes(), ["L107", "L107"]);
}

#[test]
fn the_doctor_looks_at_the_first_requests_alone_and_not_at_all_when_sent_away() {
    let patient = Patient::new(ClientIp::builder());
    for _ in 0..1000 {
        patient.ask(ip("203.0.113.7"), &[]);
    }
    patient.ask(ip("10.0.0.2"), &[(FORWARDED_FOR, "203.0.113.7")]);
    assert_eq!(patient.codes(), [""; 0]);

    let warnings = Warnings::default();
    let wide = ClientIp::behind_nginx(["10.0.0.0/8"]).build().unwrap();
    let limiter = Limiter::builder().client_ip(wide).observer(warnings.clone()).without_doctor().build();
    let patient = Patient { limiter, warnings, ..patient };
    patient.ask(ip("192.168.0.2"), &[(FORWARDED_FOR, "203.0.113.7")]);
    assert_eq!(patient.codes(), [""; 0]);
}

#[test]
fn the_doctor_looks_again_after_the_trusted_networks_were_replaced() {
    let patient = Patient::new(behind_one());
    for client in 0..2000 {
        patient.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, &format!("203.0.113.{}", client % 250))]);
    }
    patient.ask(ip("10.0.0.2"), &[(FORWARDED_FOR, "203.0.113.7")]);
    assert_eq!(patient.codes(), [""; 0], "it had seen enough");

    // A list that trusts too much is told at once, by a clone of the policy as well.
    let policy = patient.limiter.client_ip().clone();
    policy.reload_trusted(["10.0.0.0/8"]).unwrap();
    assert_eq!(patient.codes(), ["L102"]);
    // A list that forgot the proxy is told at its first request.
    policy.reload_trusted(["10.0.0.3"]).unwrap();
    patient.ask(ip("10.0.0.1"), &[(FORWARDED_FOR, "203.0.113.7")]);
    assert_eq!(patient.codes(), ["L102", "L101"]);
    // One that is refused changes nothing.
    assert!(policy.reload_trusted(["10.0.0.0/99"]).is_err());
    assert_eq!(patient.codes(), ["L102", "L101"]);

    let warnings = Warnings::default();
    let client_ip = behind_one().build().unwrap();
    let limiter = Limiter::builder().client_ip(client_ip.clone()).observer(warnings.clone()).without_doctor().build();
    client_ip.reload_trusted(["10.0.0.0/8"]).unwrap();
    assert!(warnings.0.lock().unwrap().is_empty(), "sent away for good");
    drop(limiter);
    client_ip.reload_trusted(["10.0.0.0/8"]).unwrap();
}

#[test]
fn decisions_are_the_same_with_and_without_the_doctor() {
    let policy = Policy::new("p", [Rule::new(Quota::per_minute(3))]).unwrap();
    let limiter = |doctor: bool| {
        let builder = Limiter::builder().client_ip(behind_one().build().unwrap()).observer(Warnings::default());
        if doctor { builder.build() } else { builder.without_doctor().build() }
    };
    let [with, without] = [true, false].map(limiter);
    for turn in 0..1200 {
        let peer = [ip("10.0.0.1"), ip("10.0.0.2"), Peer::Unknown, Peer::Unix][turn % 4];
        let parts = parts(&[(FORWARDED_FOR, &format!("192.0.2.{}", turn % 7)), ("forwarded", "for=192.0.2.9")]);
        let ask = |limiter: &Limiter| match limiter.decide(&policy, &KeyContext::new(&parts, peer, limiter.client_ip()))
        {
            Reply::Now(ruling) => ruling.decision.is_allowed(),
            Reply::Later(_) => panic!("memory answers at once"),
        };
        assert_eq!(ask(&with), ask(&without), "{turn}");
    }
}
