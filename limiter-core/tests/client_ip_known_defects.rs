//! Ways in which other limiters got the client wrong; each must stay impossible here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue};
use limiter_core::key::client_ip::{ClientIp, IpKey, Peer, ResolveError, Via};

const PROXY: &str = "10.0.0.1";

fn key(policy: &ClientIp, peer: &str, lines: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    policy.resolve(Peer::Ip(peer.parse().unwrap()), &headers).unwrap().key().to_string()
}

fn forwarded_for(policy: &ClientIp, line: &str) -> String {
    key(policy, PROXY, &[("x-forwarded-for", line)])
}

fn behind_proxy() -> ClientIp {
    ClientIp::behind_nginx([PROXY, "10.0.0.2"]).build().unwrap()
}

#[test]
fn rotating_what_the_client_sends_does_not_mint_keys() {
    let policy = behind_proxy();
    let keys: HashSet<String> =
        (0..100).map(|n| forwarded_for(&policy, &format!("198.51.100.{n}, 203.0.113.7"))).collect();
    assert_eq!(keys, HashSet::from(["203.0.113.7".to_owned()]));
}

#[test]
fn rotating_ports_zones_and_spellings_does_not_mint_keys() {
    let policy = behind_proxy();
    let lines =
        ["2001:db8:1:2::7", "2001:DB8:1:2:0::7", "[2001:db8:1:2::7]:1", "[2001:db8:1:2::7]:2", "2001:db8:1:2::7%a"];
    let keys: HashSet<String> = lines.iter().map(|line| forwarded_for(&policy, line)).collect();
    assert_eq!(keys, HashSet::from(["2001:db8:1:2::/64".to_owned()]));
}

#[test]
fn unreadable_text_is_never_a_key() {
    let policy = behind_proxy();
    let keys: HashSet<String> = (0..100).map(|n| forwarded_for(&policy, &format!("garbage-{n}"))).collect();
    assert_eq!(keys, HashSet::from([PROXY.to_owned()]));
}

#[test]
fn ipv6_is_not_cut_at_its_first_colon() {
    assert_eq!(forwarded_for(&behind_proxy(), "2001:db8:1:2::7"), "2001:db8:1:2::/64");
    assert_eq!(forwarded_for(&behind_proxy(), "[2001:db8:1:2::7]:443"), "2001:db8:1:2::/64");
}

#[test]
fn forwarded_is_not_read_from_the_left() {
    let policy = ClientIp::builder().header("forwarded").trusted([PROXY]).build().unwrap();
    assert_eq!(key(&policy, PROXY, &[("forwarded", "for=198.51.100.66, for=203.0.113.7")]), "203.0.113.7");
}

#[test]
fn a_comma_in_a_quoted_parameter_makes_no_entry() {
    let policy = ClientIp::builder().header("forwarded").trusted([PROXY]).build().unwrap();
    let line = "for=203.0.113.7;host=\"x,for=198.51.100.66;a\"";
    assert_eq!(key(&policy, PROXY, &[("forwarded", line)]), "203.0.113.7");
}

#[test]
fn an_entry_that_cannot_be_read_does_not_let_the_clients_own_win() {
    assert_eq!(forwarded_for(&behind_proxy(), "198.51.100.66, unknown"), PROXY);
    assert_eq!(forwarded_for(&behind_proxy(), "198.51.100.66, 203.0.113.7:443"), "203.0.113.7");
    let policy = ClientIp::builder().header("forwarded").trusted([PROXY]).build().unwrap();
    assert_eq!(key(&policy, PROXY, &[("forwarded", "for=198.51.100.66, for=_hidden")]), PROXY);
}

#[test]
fn a_direct_caller_that_sends_the_header_is_served_under_its_own_address() {
    let lines = [("x-forwarded-for", "198.51.100.66")];
    assert_eq!(key(&behind_proxy(), "203.0.113.9", &lines), "203.0.113.9");
}

#[test]
fn two_proxies_in_a_row_do_not_make_the_inner_one_the_client() {
    assert_eq!(forwarded_for(&behind_proxy(), "203.0.113.7, 10.0.0.2"), "203.0.113.7");
}

#[test]
fn a_header_that_our_proxy_does_not_set_is_not_read() {
    let lines = [
        ("forwarded", "for=198.51.100.66"),
        ("x-real-ip", "198.51.100.66"),
        ("true-client-ip", "198.51.100.66"),
        ("x_forwarded_for", "198.51.100.66"),
    ];
    assert_eq!(key(&behind_proxy(), PROXY, &lines), PROXY);
}

#[test]
fn a_first_line_from_the_client_does_not_hide_the_line_of_the_proxy() {
    let lines = [("x-forwarded-for", "198.51.100.66"), ("x-forwarded-for", "203.0.113.7")];
    assert_eq!(key(&behind_proxy(), PROXY, &lines), "203.0.113.7");
}

#[test]
fn a_byte_that_is_not_ascii_does_not_lose_the_line() {
    assert_eq!(forwarded_for(&behind_proxy(), "\u{e9}, 203.0.113.7"), "203.0.113.7");
}

#[test]
fn a_long_list_does_not_move_its_sender_into_a_shared_bucket() {
    let line = format!("{}203.0.113.7", "198.51.100.66, ".repeat(200));
    assert_eq!(forwarded_for(&behind_proxy(), &line), "203.0.113.7");
}

#[test]
fn a_request_without_an_address_is_an_error_and_no_panic() {
    let error = behind_proxy().resolve(Peer::Unknown, &HeaderMap::new()).unwrap_err();
    assert_eq!(error, ResolveError::NoPeer);
}

#[test]
fn ipv4_on_a_dual_stack_listener_keeps_its_own_keys_and_its_proxies() {
    let policy = ClientIp::behind_nginx(["10.0.0.0/8"]).ipv6_prefix(56).build().unwrap();
    assert_eq!(key(&policy, "::ffff:203.0.113.7", &[]), "203.0.113.7");
    assert_eq!(key(&policy, "::ffff:203.0.113.8", &[]), "203.0.113.8");
    let lines = [("x-forwarded-for", "::ffff:203.0.113.9")];
    assert_eq!(key(&policy, "::ffff:10.0.0.1", &lines), "203.0.113.9");
}

#[test]
fn an_empty_trusted_list_trusts_nobody() {
    let nobody: [&str; 0] = [];
    let policy = ClientIp::behind_nginx(nobody).build().unwrap();
    assert_eq!(forwarded_for(&policy, "198.51.100.66"), PROXY);
}

#[test]
fn a_chain_shorter_than_the_count_does_not_answer_with_its_leftmost_entry() {
    let policy = ClientIp::hops(2).build().unwrap();
    assert_eq!(forwarded_for(&policy, "198.51.100.66"), PROXY);
    assert_eq!(policy.counts().short_chain, 1);
}

#[test]
fn keys_of_different_addresses_have_different_texts() {
    let texts = ["1.2.3.4", "12.3.4.0", "::1", "::1.2.3.4", "64:ff9b::1.2.3.4", "2001:db8::"];
    let keys: HashSet<String> = texts.iter().map(|text| IpKey::new(text.parse().unwrap(), 128).to_string()).collect();
    assert_eq!(keys.len(), texts.len());
}

#[test]
fn the_outcome_tells_a_fallback_from_a_direct_caller() {
    let policy = behind_proxy();
    let mut headers = HeaderMap::new();
    let peer = Peer::Ip(PROXY.parse().unwrap());
    assert_eq!(policy.resolve(peer, &headers).unwrap().via(), Via::Peer);
    headers.append("x-forwarded-for", HeaderValue::from_static("garbage"));
    assert_eq!(policy.resolve(peer, &headers).unwrap().via(), Via::Malformed);
}
