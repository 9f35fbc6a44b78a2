//! Who is not limited, who never gets in, and how lists are replaced.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use http::Request;
use http::request::Parts;
use limiter_core::event::Event;
use limiter_core::key::client_ip::{ClientIp, Peer};
use limiter_core::key::{Header, KeyContext};
use limiter_core::store::Reply;
use limiter_core::{
    AccessList, Decision, DeniedBy, Key, Limiter, LimiterBuilder, Observer, Policy, Quota, Refusal, Rule, Source,
};

const PROXY: &str = "10.0.0.1";

/// Behind one proxy.
fn limiter(access: &AccessList) -> LimiterBuilder {
    let client_ip = ClientIp::behind_nginx([PROXY]).build().unwrap();
    Limiter::builder().client_ip(client_ip).access(access.clone())
}

fn two_a_minute() -> Policy {
    Policy::new("p", [Rule::new(Quota::per_minute(2))]).unwrap()
}

fn parts(headers: &[(&str, &str)]) -> Parts {
    let request = headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

fn decide_from(limiter: &Limiter, policy: &Policy, peer: Peer, parts: &Parts) -> Decision {
    match limiter.decide(policy, &KeyContext::new(parts, peer, limiter.client_ip())) {
        Reply::Now(ruling) => ruling.decision,
        Reply::Later(_) => panic!("memory answers at once"),
    }
}

/// From `client`, through the proxy.
fn decide(limiter: &Limiter, policy: &Policy, client: &str) -> Decision {
    decide_from(limiter, policy, Peer::Ip(PROXY.parse().unwrap()), &parts(&[("x-forwarded-for", client)]))
}

#[test]
fn lists_mean_the_client_and_not_the_proxy_it_comes_through() {
    let access = AccessList::builder().exempt([PROXY, "192.0.2.0/24"]).deny(["203.0.113.0/24"]).build().unwrap();
    let (limiter, policy) = (limiter(&access).build(), two_a_minute());

    for _ in 0..5 {
        let exempt = decide(&limiter, &policy, "192.0.2.7");
        assert!(exempt.is_allowed() && exempt.usages().is_empty());
        assert_eq!(exempt.source(), Source::AccessList);
    }
    let denied = decide(&limiter, &policy, "203.0.113.9");
    assert!(!denied.is_allowed() && denied.usages().is_empty());
    assert_eq!(denied.retry_after(), None);
    assert_eq!(denied.denied().unwrap().by(), &DeniedBy::Network("203.0.113.0/24".parse().unwrap()));

    let counted: Vec<bool> = (0..3).map(|_| decide(&limiter, &policy, "198.51.100.7").is_allowed()).collect();
    assert_eq!(counted, [true, true, false]);
    // A client that names an exempt address past the proxy is limited by its own.
    let direct = Peer::Ip("198.51.100.8".parse().unwrap());
    let forged = decide_from(&limiter, &policy, direct, &parts(&[("x-forwarded-for", "192.0.2.7")]));
    assert_eq!(forged.source(), Source::Store);
}

#[test]
fn mapped_addresses_are_on_the_lists_of_the_plain_ones() {
    let access = AccessList::builder().deny(["::ffff:203.0.113.0/120", "2001:db8:bad::/48"]).build().unwrap();
    let (limiter, policy) = (limiter(&access).build(), two_a_minute());
    for client in ["203.0.113.1", "[::ffff:203.0.113.1]:80", "2001:db8:bad:7::1"] {
        assert!(!decide(&limiter, &policy, client).is_allowed(), "{client}");
    }
    assert!(decide(&limiter, &policy, "2001:db8:bae::1").is_allowed());
}

#[test]
fn who_is_on_both_lists_is_denied_and_who_is_unknown_is_on_neither() {
    let access = AccessList::builder().exempt(["192.0.2.0/24"]).deny(["192.0.2.9"]).build().unwrap();
    let (limiter, policy) = (limiter(&access).build(), two_a_minute());
    assert!(!decide(&limiter, &policy, "192.0.2.9").is_allowed());
    assert_eq!(decide(&limiter, &policy, "192.0.2.8").source(), Source::AccessList);
    assert_eq!(decide_from(&limiter, &policy, Peer::Unknown, &parts(&[])).source(), Source::Store);
}

#[test]
fn keys_are_denied_by_text_or_as_they_are_and_secrets_match() {
    let access = AccessList::builder()
        .deny_by("header:x-api-key", ["leaked", "stolen"])
        .deny_by("method", ["DELETE"])
        .deny_keys(|parts: &Parts| parts.uri.path().len() as u64, [13_u64])
        .answer(Refusal::TooMany)
        .build()
        .unwrap();
    let (limiter, policy) = (limiter(&access).build(), two_a_minute());
    let peer = Peer::Ip("198.51.100.7".parse().unwrap());

    let leaked = decide_from(&limiter, &policy, peer, &parts(&[("x-api-key", "leaked")]));
    let denied = leaked.denied().unwrap();
    assert_eq!(denied.by(), &DeniedBy::Key("header:x-api-key".into()));
    assert_eq!(denied.refusal(), Refusal::TooMany);
    let delete = Request::delete("/").body(()).unwrap().into_parts().0;
    assert!(!decide_from(&limiter, &policy, peer, &delete).is_allowed());
    let thirteen = Request::get("/123456789012").body(()).unwrap().into_parts().0;
    assert!(!decide_from(&limiter, &policy, peer, &thirteen).is_allowed());
    assert!(decide_from(&limiter, &policy, peer, &parts(&[("x-api-key", "good")])).is_allowed());
}

#[test]
fn a_list_is_replaced_while_in_use_and_a_bad_one_leaves_the_old_in_force() {
    let access = AccessList::builder().deny(["203.0.113.7"]).build().unwrap();
    let (limiter, policy) = (limiter(&access).build(), two_a_minute());
    assert!(!decide(&limiter, &policy, "203.0.113.7").is_allowed());

    for mistake in ["203.0.113.8/24", "0.0.0.0/0", "example.org", "fe80::1%eth0"] {
        let error = access.reload(AccessList::builder().deny(["203.0.113.8", mistake])).unwrap_err();
        assert!(error.to_string().contains(mistake), "{error}");
    }
    assert!(!decide(&limiter, &policy, "203.0.113.7").is_allowed());
    assert!(decide(&limiter, &policy, "203.0.113.8").is_allowed());

    access.reload(AccessList::builder().deny(["203.0.113.8"])).unwrap();
    assert!(decide(&limiter, &policy, "203.0.113.7").is_allowed());
    assert!(!decide(&limiter, &policy, "203.0.113.8").is_allowed());
}

#[test]
fn a_list_that_would_silently_meet_nothing_is_refused() {
    for notation in ["ip", "peer", "global", "header:x-api-key | ip", "ip + path:tenant", "nonsense"] {
        let error = AccessList::builder().deny_by(notation, ["x"]).build().unwrap_err();
        assert!(error.to_string().contains(notation), "{error}");
    }
    let error = AccessList::builder().exempt(["::/0"]).build().unwrap_err().to_string();
    assert!(error.starts_with("exempt network \"::/0\" holds every address"), "{error}");
}

#[test]
fn the_observer_sees_who_was_denied_and_why() {
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<(Key, DeniedBy)>>>);
    impl Observer for Seen {
        fn on_deny(&self, event: &Event<'_>) {
            assert!(event.request.is_some());
            let by = event.decision.denied().unwrap().by().clone();
            self.0.lock().unwrap().push((event.keys[0].clone(), by));
        }
    }
    let seen = Seen::default();
    let access = AccessList::builder()
        .deny(["203.0.113.7"])
        .deny_keys(Header::new("x-tenant".parse().unwrap()), [Key::from(limiter_core::key::Part::secret(b"acme"))])
        .build()
        .unwrap();
    let (limiter, policy) = (limiter(&access).observer(seen.clone()).build(), two_a_minute());
    assert!(!decide(&limiter, &policy, "203.0.113.7").is_allowed());
    let peer = Peer::Ip("198.51.100.7".parse().unwrap());
    assert!(!decide_from(&limiter, &policy, peer, &parts(&[("x-tenant", "acme")])).is_allowed());

    let seen = seen.0.lock().unwrap();
    assert_eq!(seen[0].0.reveal().to_string(), "203.0.113.7");
    assert_eq!(seen[0].1, DeniedBy::Network("203.0.113.7/32".parse().unwrap()));
    assert_eq!(seen[1].1, DeniedBy::Key("header:x-tenant".into()));
    assert!(!format!("{access:?}").contains("203.0.113"), "{access:?}");
}
