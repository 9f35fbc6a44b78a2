//! Whose fault a refusal is.

use http::request::Parts;
use limiter_core::key::client_ip::{ClientIp, Peer};
use limiter_core::key::{Global, Ip, KeyContext};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, ManualClock};
use limiter_core::{Algorithm, AtCeiling, Decision, Key, Limiter, Missing, OnStoreError, Rule};

use super::{field, full, get, limiter, now, policy, rule, spent, text};
use crate::headers::{Reason, Wire};
use crate::response::denied;

#[test]
fn slots_of_everybody_are_503_and_those_of_a_client_429() {
    let (limiter, _) = limiter();
    let shared = denied(&Wire::new(), &full(&limiter, Rule::concurrent(1).key(Global)), &get(), &limiter);
    assert_eq!(shared.status(), 503);
    assert_eq!(field(&shared, "retry-after"), None);
    assert_eq!(field(&shared, "ratelimit"), Some("\"slots\";r=0"));
    assert_eq!(field(&shared, "x-ratelimit-remaining"), None);
    assert_eq!(field(&shared, "cache-control"), Some("no-store"));
    assert_eq!(
        text(&shared),
        "{\"type\":\"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity\",\
         \"title\":\"Temporary Reduced Capacity\",\"status\":503,\"error\":\"over_capacity\",\
         \"violated-policies\":[\"slots\"]}"
    );

    let own = denied(&Wire::new(), &full(&limiter, Rule::concurrent(1).key(Ip::new())), &get(), &limiter);
    assert_eq!(own.status(), 429);
}

#[test]
fn a_spent_quota_together_with_full_slots_is_429() {
    let (limiter, _) = limiter();
    let policy = policy([Rule::concurrent(1).named("slots"), rule("1/min").algorithm(Algorithm::Fixed)]);
    let _held = now(limiter.decide_key(&policy, &Key::from("acme"), 1));
    let decision = limiter.check(&policy, &Key::from("acme"));
    let response = denied(&Wire::new(), &decision, &get(), &limiter);
    assert_eq!(response.status(), 429);
    assert_eq!(field(&response, "retry-after"), Some("60"));
    assert_eq!(field(&response, "x-ratelimit-limit"), Some("1"));
    assert!(text(&response).ends_with("[\"slots\",\"api\"]}"));
}

#[test]
fn a_full_table_is_503() {
    let limiter = Limiter::builder().clock(ManualClock::new()).memory(MemoryStore::with_ceiling(1)).build();
    let policy = policy([rule("100/day").at_ceiling(AtCeiling::Refuse)]);
    let refused = (0..100_000u64).map(|who| limiter.check(&policy, &Key::from(who))).find(|d| !d.is_allowed()).unwrap();
    let response = denied(&Wire::new(), &refused, &get(), &limiter);
    assert_eq!(response.status(), 503);
    assert!(text(&response).contains("\"error\":\"over_capacity\""));
    assert_eq!(field(&response, "ratelimit"), None, "nobody's budget was read");
    assert_eq!(field(&response, "x-ratelimit-remaining"), None);
}

#[test]
fn a_store_that_fails_closed_is_503_without_invented_numbers() {
    let store = FailingStore::new(MemoryStore::new());
    store.switch().fail(Failure::Unavailable);
    let limiter = Limiter::builder().store(store).build();
    let policy = policy([rule("100/min").on_store_error(OnStoreError::Closed)]);
    let response = denied(&Wire::new(), &limiter.check(&policy, &Key::from("acme")), &get(), &limiter);
    assert_eq!(response.status(), 503);
    assert_eq!(field(&response, "ratelimit-policy"), Some("\"api\";q=100;w=60"));
    assert_eq!(field(&response, "ratelimit"), None);
    assert_eq!(field(&response, "x-ratelimit-remaining"), None);
    assert_eq!(field(&response, "retry-after"), None);
}

#[test]
fn a_request_without_its_key_is_429_without_invented_numbers() {
    let (limiter, _) = limiter();
    let policy = policy([rule("100/min").key(|_: &Parts| None::<u64>).missing(Missing::Refuse)]);
    let (parts, client_ip) = (get(), ClientIp::default());
    let peer = Peer::Unknown;
    let ruling = now(limiter.decide(&policy, &KeyContext::new(&parts, peer, &client_ip)));
    let response = denied(&Wire::new(), &ruling.decision, &parts, &limiter);
    assert_eq!(response.status(), 429);
    assert_eq!(field(&response, "retry-after"), None);
    assert_eq!(field(&response, "ratelimit"), None);
}

#[test]
fn a_refusal_without_a_rule_is_the_services_own() {
    let (limiter, _) = limiter();
    let response = denied(&Wire::new(), &Decision::default(), &get(), &limiter);
    assert_eq!(response.status(), 503);
    assert!(text(&response).ends_with("\"violated-policies\":[]}"));
    assert_eq!(field(&response, "ratelimit-policy"), None);
}

#[test]
fn what_a_refusal_means_can_be_said_by_rule() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    for (reason, status, title) in [
        (Reason::ReducedCapacity, 503, "Temporary Reduced Capacity"),
        (Reason::AbnormalUsage, 429, "Abnormal Usage Detected"),
    ] {
        let response = denied(&Wire::new().reason("api", reason), &decision, &get(), &limiter);
        assert_eq!(response.status(), status);
        assert!(text(&response).contains(&format!("\"title\":\"{title}\"")));
    }
}
