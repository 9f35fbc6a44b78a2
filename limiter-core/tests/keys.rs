//! What each key source reads, and what it never shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::borrow::Cow;

use http::Request;
use http::request::Parts;
use limiter_core::key::client_ip::{ClientIp, Peer};
use limiter_core::key::{Extension, Extracted, Key, KeyContext, KeySource, RouteInfo, parse_source};

struct OneRoute;

impl RouteInfo for OneRoute {
    fn pattern(&self) -> Option<&str> {
        Some("/t/{tenant}")
    }

    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "tenant").then_some(Cow::Borrowed("acme"))
    }
}

fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn key_of(notation: &str, parts: &Parts, peer: Peer) -> Option<Key> {
    let source = parse_source(notation).unwrap();
    assert_eq!(source.describe(), notation);
    let policy = ClientIp::peer_only();
    match source.key(&KeyContext::new(parts, peer, &policy).with_route(&OneRoute)) {
        Extracted::Key(key) => Some(key),
        _ => None,
    }
}

fn shown(notation: &str, parts: &Parts) -> Option<String> {
    key_of(notation, parts, Peer::Ip("2001:db8:1:2:3::9".parse().unwrap())).map(|key| key.reveal().to_string())
}

#[test]
fn each_notation_reads_its_part_of_the_request() {
    let request = parts("/t/acme?q=a%20b&q=2&empty=", &[("host", "Example.COM:8080")]);
    assert_eq!(shown("ip", &request).unwrap(), "2001:db8:1:2::/64");
    assert_eq!(shown("ip/48", &request).unwrap(), "2001:db8:1::/48");
    assert_eq!(shown("peer", &request).unwrap(), "2001:db8:1:2::/64");
    assert_eq!(shown("global", &request).unwrap(), "everyone");
    assert_eq!(shown("path:tenant", &request).unwrap(), "acme");
    assert_eq!(shown("path:other", &request), None);
    assert_eq!(shown("route", &request).unwrap(), "/t/{tenant}");
    assert_eq!(shown("method", &request).unwrap(), "GET");
    assert_eq!(shown("host", &request).unwrap(), "example.com");
    assert_eq!(shown("ip + path:tenant", &request).unwrap(), "2001:db8:1:2::/64 + acme");
    assert_eq!(shown("query:empty", &request), None);
    assert_eq!(shown("query:none", &request), None);
    assert_eq!(shown("header:x-api-key | global", &request).unwrap(), "everyone");
}

#[test]
fn secrets_are_hashed_and_never_shown() {
    let request = parts("/?token=hunter2", &[("authorization", "Bearer hunter2"), ("cookie", "a=1; sid=hunter2; b=2")]);
    for notation in ["header:authorization", "cookie:sid", "query:token"] {
        let key = key_of(notation, &request, Peer::Unknown).unwrap();
        assert!(!format!("{key:?} {}", key.reveal()).contains("hunter2"), "{notation}");
        assert!(key.reveal().to_string().starts_with("secret:"), "{notation}");
    }
    // The same secret is the same key within a process, wherever it stands.
    let cookie = key_of("cookie:sid", &request, Peer::Unknown);
    assert_eq!(cookie, key_of("query:token", &request, Peer::Unknown));
    assert_ne!(cookie, key_of("cookie:a", &request, Peer::Unknown));
    assert_eq!(key_of("cookie:c", &request, Peer::Unknown), None);
}

#[test]
fn an_encoded_query_is_the_same_key() {
    let plain = key_of("query:q", &parts("/?q=abc", &[]), Peer::Unknown);
    assert_eq!(plain, key_of("query:q", &parts("/?q=%61%62c", &[]), Peer::Unknown));
    assert_eq!(
        key_of("query:q", &parts("/?q=a+b", &[]), Peer::Unknown),
        key_of("query:q", &parts("/?q=a%20b", &[]), Peer::Unknown)
    );
}

#[test]
fn a_header_cannot_spend_the_budget_of_an_address() {
    let peer = Peer::Ip("192.0.2.1".parse().unwrap());
    let spelled = key_of("header:x-api-key | ip", &parts("/", &[("x-api-key", "192.0.2.1")]), peer);
    let address = key_of("header:x-api-key | ip", &parts("/", &[]), peer);
    assert_ne!(spelled, address);
    assert_eq!(address.unwrap().reveal().to_string(), "192.0.2.1");
}

#[test]
fn empty_and_absent_headers_are_missing_and_the_last_line_counts() {
    assert_eq!(key_of("header:x", &parts("/", &[]), Peer::Unknown), None);
    assert_eq!(key_of("header:x", &parts("/", &[("x", "")]), Peer::Unknown), None);
    let one = key_of("header:x", &parts("/", &[("x", "b")]), Peer::Unknown);
    assert_eq!(one, key_of("header:x", &parts("/", &[("x", "a"), ("x", "b")]), Peer::Unknown));
}

#[test]
fn addresses_are_missing_without_a_peer() {
    for notation in ["ip", "ip/48", "peer"] {
        assert_eq!(key_of(notation, &parts("/", &[]), Peer::Unknown), None, "{notation}");
    }
}

#[test]
fn a_mapped_address_is_the_ipv4_address() {
    let mapped = key_of("ip", &parts("/", &[]), Peer::Ip("::ffff:192.0.2.1".parse().unwrap()));
    assert_eq!(mapped.unwrap().reveal().to_string(), "192.0.2.1");
    let mapped = key_of("peer", &parts("/", &[]), Peer::Ip("::ffff:192.0.2.1".parse().unwrap()));
    assert_eq!(mapped.unwrap().reveal().to_string(), "192.0.2.1");
}

#[test]
fn extensions_and_functions_make_keys_of_their_own() {
    #[derive(Clone)]
    struct User(u64);
    let mut request = parts("/", &[("x-user", "7")]);
    let policy = ClientIp::peer_only();
    let source = Extension::new(|user: &User| user.0);
    assert_eq!(source.key(&KeyContext::new(&request, Peer::Unknown, &policy)), Extracted::Missing);
    request.extensions.insert(User(7));
    assert_eq!(source.key(&KeyContext::new(&request, Peer::Unknown, &policy)), Extracted::Key(7u64.into()));

    fn user(parts: &Parts) -> Option<u64> {
        parts.headers.get("x-user")?.to_str().ok()?.parse().ok()
    }
    assert_eq!(user.key(&KeyContext::new(&request, Peer::Unknown, &policy)), Extracted::Key(7u64.into()));
    request.headers.clear();
    assert_eq!(user.key(&KeyContext::new(&request, Peer::Unknown, &policy)), Extracted::Missing);
}

/// Drives a future whose parts are all ready.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn keys_that_take_time_are_waited_for() {
    use limiter_core::key::{AsyncKey, Composite, Fallback, Global, Missing};
    use limiter_core::{Limiter, Policy, Reply, Rule};
    use std::sync::Arc;

    fn account(parts: &Parts) -> impl Future<Output = Option<u64>> + Send + use<> {
        let account = parts.headers.get("x-account").and_then(|value| value.to_str().ok()?.parse().ok());
        async move { account }
    }
    let limiter = Limiter::in_memory();
    let decide = |policy: &Policy, request: &Parts| {
        let Reply::Later(ruling) =
            limiter.decide(policy, &KeyContext::new(request, Peer::Unknown, limiter.client_ip()))
        else {
            panic!("an async key answers later");
        };
        ready(ruling).decision.is_allowed()
    };
    let rule = || Rule::new("1/min".parse().unwrap());
    let (one, two, none) = (parts("/", &[("x-account", "1")]), parts("/", &[("x-account", "2")]), parts("/", &[]));

    let plain = Policy::new("plain", [rule().key(AsyncKey::new(account))]).unwrap();
    assert!(decide(&plain, &one) && decide(&plain, &two));
    assert!(!decide(&plain, &one) && !decide(&plain, &two));
    assert!(decide(&plain, &none), "the missing share a budget of their own");
    assert!(!decide(&plain, &none));

    let refusing = Policy::new("refusing", [rule().key(AsyncKey::new(account)).missing(Missing::Refuse)]).unwrap();
    assert!(!decide(&refusing, &none) && decide(&refusing, &one));

    let skipping = Policy::new("skipping", [rule().key(AsyncKey::new(account)).missing(Missing::Skip)]).unwrap();
    assert!(decide(&skipping, &none) && decide(&skipping, &none));

    let fallback = Fallback::new(vec![Arc::new(AsyncKey::new(account)), Arc::new(Global)]);
    let fallback = Policy::new("fallback", [rule().key(fallback)]).unwrap();
    assert!(decide(&fallback, &none) && !decide(&fallback, &none) && decide(&fallback, &one));

    let both = Composite::new(vec![
        parse_source("method").unwrap(),
        Arc::new(AsyncKey::new(account)),
        parse_source("global").unwrap(),
    ]);
    let both = Policy::new("both", [rule().key(both)]).unwrap();
    assert!(decide(&both, &one) && decide(&both, &two) && !decide(&both, &one));
}
