//! Fields of real decisions, on a clock that is moved by hand.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{HeaderValue, Response, StatusCode};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, ManualClock};
use limiter_core::{Algorithm, Decision, Key, Limiter, OnStoreError, Policy, Rule};

use super::{DeniedItems, Family, Legacy, Prefix, Refused, Shelf, Unit, Wire, WireError, allowed};

/// A limiter at 2025-01-01T00:00:00Z.
fn limiter() -> (Limiter, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::builder().clock(clock.clone()).build(), clock)
}

fn policy(rules: impl IntoIterator<Item = Rule>) -> Policy {
    Policy::new("api", rules).unwrap()
}

fn rule(quota: &str) -> Rule {
    Rule::new(quota.parse().unwrap())
}

fn spend(limiter: &Limiter, policy: &Policy, times: usize) -> Decision {
    let mut last = Decision::exempt();
    for _ in 0..times {
        last = limiter.check(policy, &Key::from("acme"));
    }
    last
}

fn described(wire: &Wire, decision: &Decision, limiter: &Limiter) -> HeaderMap {
    let mut response = Response::new(Bytes::new());
    allowed(wire, &mut response, decision, None, limiter);
    response.headers().clone()
}

fn one(headers: &HeaderMap, name: &str) -> String {
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    assert_eq!(lines.len(), 1, "{name} in {headers:?}");
    lines[0].to_str().unwrap().to_owned()
}

#[test]
fn both_default_families_describe_an_allowed_request() {
    let (limiter, _) = limiter();
    let policy = policy([rule("100/min").algorithm(Algorithm::Fixed)]);
    let headers = described(&Wire::new(), &spend(&limiter, &policy, 1), &limiter);
    assert_eq!(one(&headers, "ratelimit-policy"), "\"api\";q=100;w=60");
    assert_eq!(one(&headers, "ratelimit"), "\"api\";r=99;t=60");
    assert_eq!(one(&headers, "x-ratelimit-limit"), "100");
    assert_eq!(one(&headers, "x-ratelimit-remaining"), "99");
    assert_eq!(one(&headers, "x-ratelimit-reset"), "1735689660");
    assert_eq!(headers.len(), 5);
}

#[test]
fn what_was_written_of_one_quota_is_not_told_of_another() {
    let (limiter, _) = limiter();
    let shelf = Shelf::new(&policy([rule("5/min")]), None);
    for quota in ["5", "7", "5", "9", "7"] {
        let decision = spend(&limiter, &policy([rule(&format!("{quota}/min"))]), 1);
        let mut response = Response::new(());
        allowed(&Wire::new(), &mut response, &decision, Some(&shelf), &limiter);
        assert_eq!(one(response.headers(), "x-ratelimit-limit"), quota);
        assert_eq!(one(response.headers(), "ratelimit-policy"), format!("\"api\";q={quota};w=60"));
    }
}

#[test]
fn a_fixed_window_tells_the_time_to_its_end() {
    let (limiter, clock) = limiter();
    let policy = policy([rule("100/min").algorithm(Algorithm::Fixed)]);
    spend(&limiter, &policy, 1);
    clock.advance(Duration::from_millis(20_500));
    let headers = described(&Wire::new(), &spend(&limiter, &policy, 1), &limiter);
    assert_eq!(one(&headers, "ratelimit"), "\"api\";r=98;t=40", "39.5 s rounded up");
    assert_eq!(one(&headers, "x-ratelimit-reset"), "1735689660");
}

#[test]
fn a_bucket_that_passes_199_in_its_first_minute_paces_its_client() {
    let (limiter, clock) = limiter();
    let policy = policy([rule("100/min")]);
    let wire = Wire::new().legacy(Legacy::Delta);
    let tell = |decision: &Decision| {
        let headers = described(&wire, decision, &limiter);
        (one(&headers, "ratelimit"), one(&headers, "x-ratelimit-reset"))
    };
    let said = |item: &str, reset: &str| (format!("\"api\";{item}"), reset.to_owned());

    assert_eq!(tell(&spend(&limiter, &policy, 1)), said("r=99;t=60", "1"), "99 units last 59.4 s");
    assert_eq!(tell(&spend(&limiter, &policy, 49)), said("r=50;t=30", "30"));
    assert_eq!(tell(&spend(&limiter, &policy, 50)), said("r=0;t=1", "60"), "the next unit comes in 0.6 s");
    clock.advance(Duration::from_millis(59_400));
    assert_eq!(tell(&spend(&limiter, &policy, 99)), said("r=0;t=1", "60"));
    assert!(!spend(&limiter, &policy, 1).is_allowed(), "199 passed in the first minute");
}

#[test]
fn a_client_that_keeps_to_the_pace_never_waits() {
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Log, Algorithm::Sliding] {
        let (limiter, clock) = limiter();
        let policy = policy([rule("20/10s").algorithm(algorithm)]);
        spend(&limiter, &policy, 15);
        for round in 0..50 {
            let decision = spend(&limiter, &policy, 1);
            assert!(decision.is_allowed(), "{algorithm}, round {round}");
            let item = one(&described(&Wire::new(), &decision, &limiter), "ratelimit");
            let (remaining, time) = item.strip_prefix("\"api\";r=").unwrap().split_once(";t=").unwrap();
            let (remaining, time): (u32, u64) = (remaining.parse().unwrap(), time.parse().unwrap());
            let step = Duration::from_secs(time) / (remaining + 1);
            for _ in 0..remaining {
                clock.advance(step);
                assert!(spend(&limiter, &policy, 1).is_allowed(), "{algorithm}, round {round}");
            }
            clock.advance(Duration::from_secs(time) - step * remaining);
        }
    }
}

#[test]
fn the_window_of_a_burst_is_the_time_to_fill_it() {
    let (limiter, _) = limiter();
    let policy = policy([rule("10/s burst 20")]);
    let headers = described(&Wire::new(), &spend(&limiter, &policy, 1), &limiter);
    assert_eq!(one(&headers, "ratelimit-policy"), "\"api\";q=20;w=2");
}

#[test]
fn rounding_of_intervals_does_not_hide_a_window_of_whole_seconds() {
    let (limiter, _) = limiter();
    for (quota, shown) in [
        ("7/s", "\"api\";q=7;w=1"),
        ("7_000_000/day", "\"api\";q=7000000;w=86400"),
        ("10/1500ms", "\"api\";q=10"),
        ("5/500ms", "\"api\";q=5"),
        ("1/s burst 3", "\"api\";q=3;w=3"),
        ("2/s burst 3", "\"api\";q=3"),
    ] {
        let headers = described(&Wire::new(), &spend(&limiter, &policy([rule(quota)]), 1), &limiter);
        assert_eq!(one(&headers, "ratelimit-policy"), shown, "{quota}");
    }
}

#[test]
fn a_whole_quota_has_no_time() {
    let (limiter, _) = limiter();
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed] {
        let policy = policy([rule("100/min").algorithm(algorithm)]);
        let decision = limiter.peek(&policy, &Key::from("acme"), 1);
        let headers = described(&Wire::new(), &decision, &limiter);
        assert_eq!(one(&headers, "ratelimit"), "\"api\";r=100", "{algorithm}");
        assert_eq!(one(&headers, "x-ratelimit-reset"), "1735689600", "{algorithm}");
    }
}

#[test]
fn slots_have_a_unit_and_no_time_and_stay_out_of_the_legacy_fields() {
    let (limiter, _) = limiter();
    let slots = policy([Rule::concurrent(8).named("slots")]);
    let headers = described(&Wire::new(), &spend(&limiter, &slots, 1), &limiter);
    assert_eq!(one(&headers, "ratelimit-policy"), "\"slots\";q=8;qu=\"concurrent-requests\"");
    assert_eq!(one(&headers, "ratelimit"), "\"slots\";r=7");
    assert_eq!(headers.len(), 2);

    let both = policy([Rule::concurrent(8).named("slots"), rule("100/min").algorithm(Algorithm::Fixed)]);
    for family in [Family::Draft06, Family::Draft07, Family::Off] {
        let headers = described(&Wire::new().family(family), &spend(&limiter, &both, 1), &limiter);
        assert_eq!(one(&headers, "x-ratelimit-limit"), "100");
        assert!(headers.get("ratelimit-limit").is_none_or(|limit| limit == "100"));
        assert!(headers.get("ratelimit").is_none_or(|fields| fields.to_str().unwrap().starts_with("limit=100,")));
    }
}

#[test]
fn of_several_rules_the_legacy_fields_show_the_one_with_the_fewest_left() {
    let (limiter, _) = limiter();
    let wire = Wire::new().legacy(Legacy::Delta);
    let policy = policy([rule("10/s").named("burst"), rule("1000/day").named("daily")]);
    let headers = described(&wire, &spend(&limiter, &policy, 1), &limiter);
    assert_eq!(one(&headers, "ratelimit-policy"), "\"burst\";q=10;w=1, \"daily\";q=1000;w=86400");
    assert_eq!(one(&headers, "ratelimit"), "\"burst\";r=9;t=1, \"daily\";r=999;t=86314");
    assert_eq!(one(&headers, "x-ratelimit-limit"), "10");
    assert_eq!(one(&headers, "x-ratelimit-remaining"), "9");
}

#[test]
fn informational_responses_and_redirects_carry_no_fields_and_errors_do() {
    let (limiter, _) = limiter();
    let decision = spend(&limiter, &policy([rule("100/min")]), 1);
    for (status, fields) in [(100, 0), (101, 0), (200, 5), (204, 5), (301, 0), (304, 0), (404, 5), (500, 5)] {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        allowed(&Wire::new(), &mut response, &decision, None, &limiter);
        assert_eq!(response.headers().len(), fields, "{status}");
    }
}

#[test]
fn private_limits_show_nothing() {
    let (limiter, _) = limiter();
    let decision = spend(&limiter, &policy([rule("100/min")]), 1);
    assert!(described(&Wire::new().private(), &decision, &limiter).is_empty());
}

#[test]
fn nothing_counted_is_nothing_told() {
    let (healthy, _) = limiter();
    assert!(described(&Wire::new(), &Decision::exempt(), &healthy).is_empty());

    let store = FailingStore::new(MemoryStore::new());
    store.switch().fail(Failure::Unavailable);
    let broken = Limiter::builder().store(store).build();
    let open = policy([rule("100/min").on_store_error(OnStoreError::Open)]);
    let decision = spend(&broken, &open, 1);
    assert!(decision.is_allowed());
    assert!(described(&Wire::new(), &decision, &broken).is_empty());

    let local = policy([rule("100/min")]);
    let headers = described(&Wire::new(), &spend(&broken, &local, 1), &broken);
    assert_eq!(one(&headers, "ratelimit"), "\"api\";r=99;t=60", "the stand-in counts");
}

#[test]
fn stacked_limiters_add_lines_and_the_tighter_keeps_the_legacy_fields() {
    let (limiter, _) = limiter();
    let inner = policy([rule("5/min").named("inner").algorithm(Algorithm::Fixed)]);
    let outer = policy([rule("1000/min").named("outer").algorithm(Algorithm::Fixed)]);
    for (first, second) in [(&inner, &outer), (&outer, &inner)] {
        let mut response = Response::new(());
        allowed(&Wire::new(), &mut response, &spend(&limiter, first, 1), None, &limiter);
        allowed(&Wire::new(), &mut response, &spend(&limiter, second, 1), None, &limiter);
        let headers = response.headers();
        assert_eq!(headers.get_all("ratelimit").iter().count(), 2);
        assert_eq!(headers.get_all("ratelimit-policy").iter().count(), 2);
        assert_eq!(one(headers, "x-ratelimit-limit"), "5");
        assert!(one(headers, "x-ratelimit-remaining").parse::<u64>().unwrap() < 5);
    }
}

#[test]
fn stacked_limiters_of_one_policy_families_keep_the_tighter() {
    let (limiter, _) = limiter();
    let inner = policy([rule("5/min").algorithm(Algorithm::Fixed)]);
    let outer = policy([rule("1000/min").algorithm(Algorithm::Fixed)]);
    for (family, field) in [(Family::Draft06, "ratelimit-limit"), (Family::Draft07, "ratelimit")] {
        let wire = Wire::new().family(family);
        for (first, second) in [(&inner, &outer), (&outer, &inner)] {
            let mut response = Response::new(());
            allowed(&wire, &mut response, &spend(&limiter, first, 1), None, &limiter);
            allowed(&wire, &mut response, &spend(&limiter, second, 1), None, &limiter);
            assert!(one(response.headers(), field).trim_start_matches("limit=").starts_with('5'), "{response:?}");
            assert_eq!(one(response.headers(), "ratelimit-policy"), "5;w=60");
        }
    }
}

#[test]
fn two_grammars_never_meet_in_one_field() {
    let (limiter, _) = limiter();
    let decision = spend(&limiter, &policy([rule("100/min")]), 1);
    for (inner, outer) in [(Family::Draft07, Family::Draft11), (Family::Draft11, Family::Draft06)] {
        let mut response = Response::new(());
        allowed(&Wire::new().family(inner), &mut response, &decision, None, &limiter);
        let before = response.headers().clone();
        allowed(&Wire::new().family(outer), &mut response, &decision, None, &limiter);
        assert_eq!(*response.headers(), before, "{inner:?} inside {outer:?}");
    }
}

#[test]
fn fields_of_others_that_cannot_be_read_stay() {
    let (limiter, _) = limiter();
    let mut response = Response::new(());
    response.headers_mut().insert("x-ratelimit-remaining", HeaderValue::from_static("plenty"));
    allowed(&Wire::new(), &mut response, &spend(&limiter, &policy([rule("5/min")]), 1), None, &limiter);
    assert_eq!(one(response.headers(), "x-ratelimit-remaining"), "plenty");
    assert!(response.headers().get("x-ratelimit-limit").is_none());
}

#[test]
fn a_refusal_from_further_in_does_not_show_what_the_outer_limiter_has_left() {
    let (limiter, _) = limiter();
    let decision = spend(&limiter, &policy([rule("1000/min").named("outer")]), 1);
    for (shown, items) in [(DeniedItems::Violated, 0), (DeniedItems::All, 1)] {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.extensions_mut().insert(Refused);
        allowed(&Wire::new().denied_items(shown), &mut response, &decision, None, &limiter);
        assert_eq!(one(response.headers(), "ratelimit-policy"), "\"outer\";q=1000;w=60");
        assert_eq!(response.headers().get_all("ratelimit").iter().count(), items);
        assert!(response.headers().get("x-ratelimit-remaining").is_none());
    }
}

#[test]
fn units_and_prefixes_can_be_chosen() {
    let (limiter, _) = limiter();
    let wire = Wire::new()
        .unit("upload", Unit::CONTENT_BYTES)
        .unit("slots", Unit::new("acme-lanes").unwrap())
        .legacy_prefix(Prefix::hyphenated());
    let policy = policy([rule("1048576/min").named("upload"), Rule::concurrent(2).named("slots")]);
    let headers = described(&wire, &spend(&limiter, &policy, 1), &limiter);
    assert_eq!(
        one(&headers, "ratelimit-policy"),
        "\"upload\";q=1048576;qu=\"content-bytes\";w=60, \"slots\";q=2;qu=\"acme-lanes\""
    );
    assert_eq!(one(&headers, "x-rate-limit-limit"), "1048576");
    assert!(headers.get("x-ratelimit-limit").is_none());
}

#[test]
fn choices_that_cannot_be_sent_are_refused_in_words() {
    for (error, words) in [
        (Unit::new("tokens").unwrap_err(), "`tokens` is not a quota unit"),
        (Unit::new("acme-größe").unwrap_err(), "`acme-größe` is not a quota unit"),
        (Unit::new("-x").unwrap_err(), "`-x` is not a quota unit"),
        (Prefix::new("x y-").unwrap_err(), "`x y-` cannot begin"),
        (Prefix::new("RateLimit-").unwrap_err(), "`RateLimit-` cannot begin"),
        ("draft-12".parse::<Family>().unwrap_err(), "`draft-12` is not one family"),
        ("soon".parse::<Legacy>().unwrap_err(), "`soon` is not a form"),
    ] as [(WireError, &str); 7]
    {
        assert!(error.to_string().starts_with(words), "{error}");
    }
}

#[test]
fn partition_keys_tell_callers_apart_and_give_nobody_away() {
    let (limiter, _) = limiter();
    let policy = policy([rule("100/min")]);
    let wire = Wire::new().partition_keys();
    let key = |wire: &Wire, who: &str| {
        let headers = described(wire, &limiter.check(&policy, &Key::from(who)), &limiter);
        let of = |field: &str| one(&headers, field).split_once(";pk=").unwrap().1.to_owned();
        assert_eq!(of("ratelimit"), of("ratelimit-policy"));
        of("ratelimit")
    };
    assert_eq!(key(&wire, "acme"), key(&wire, "acme"));
    assert_ne!(key(&wire, "acme"), key(&wire, "evil"));
    assert_ne!(key(&wire, "acme"), key(&Wire::new().partition_keys(), "acme"), "another secret");
    assert_eq!(key(&wire, "acme").len(), 14, "8 bytes in base64 between colons");
}
