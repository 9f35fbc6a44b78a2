//! Settings of the client-address policy that the vectors do not reach.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use http::HeaderMap;
use limiter_core::key::client_ip::{ClientIp, OnMalformed, OutcomeCounts, Peer, ResolveError, Via};

const PROXY: &str = "10.0.0.1";

type Answer = Result<(String, Via), ResolveError>;

fn resolve(policy: &ClientIp, peer: &str, name: &'static str, lines: &[&str]) -> Answer {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, line.parse().unwrap());
    }
    let client = policy.resolve(Peer::Ip(peer.parse().unwrap()), &headers)?;
    Ok((client.ip().to_string(), client.via()))
}

fn forwarded_for(policy: &ClientIp, lines: &[&str]) -> Answer {
    resolve(policy, PROXY, "x-forwarded-for", lines)
}

fn answer(ip: &str, via: Via) -> Answer {
    Ok((ip.to_owned(), via))
}

fn trusting_everyone() -> ClientIp {
    ClientIp::builder().header("x-forwarded-for").trust_everyone().trust_unix(true).build().unwrap()
}

#[test]
fn a_reload_changes_all_clones_and_a_bad_one_changes_nothing() {
    let policy = ClientIp::behind_haproxy([PROXY]).build().unwrap();
    let clone = policy.clone();
    let error = clone.reload_trusted(["192.0.2.1", "10.0.0.1/8"]).unwrap_err();
    assert_eq!(error.code(), "config:host_bits");
    assert_eq!(forwarded_for(&policy, &["203.0.113.7"]), answer("203.0.113.7", Via::Header));

    clone.reload_trusted(["192.0.2.1"]).unwrap();
    assert_eq!(forwarded_for(&policy, &["203.0.113.7"]), answer(PROXY, Via::Peer));
    let through_the_new_proxy = resolve(&policy, "192.0.2.1", "x-forwarded-for", &["203.0.113.7"]);
    assert_eq!(through_the_new_proxy, answer("203.0.113.7", Via::Header));
}

#[test]
fn reloading_an_empty_list_trusts_nobody_even_where_everybody_was_trusted() {
    let nobody: [&str; 0] = [];
    for policy in [ClientIp::hops(1).build().unwrap(), trusting_everyone()] {
        assert_eq!(forwarded_for(&policy, &["203.0.113.7"]).unwrap().0, "203.0.113.7");
        policy.reload_trusted(nobody).unwrap();
        assert_eq!(forwarded_for(&policy, &["203.0.113.7"]), answer(PROXY, Via::Peer));
    }
}

#[test]
fn trusting_everyone_walks_to_the_leftmost_entry() {
    let found = forwarded_for(&trusting_everyone(), &["198.51.100.66, 203.0.113.7"]);
    assert_eq!(found, answer("198.51.100.66", Via::AllTrusted));
}

#[test]
fn refusing_covers_what_cannot_be_read_and_nothing_else() {
    let policy =
        ClientIp::behind_caddy([PROXY, "10.0.0.2"]).max_entries(2).on_malformed(OnMalformed::Refuse).build().unwrap();
    assert_eq!(forwarded_for(&policy, &["garbage"]), Err(ResolveError::Refused(Via::Malformed)));
    let error = forwarded_for(&policy, &["203.0.113.7, 10.0.0.2, 10.0.0.2"]).unwrap_err();
    assert_eq!((error, error.code()), (ResolveError::Refused(Via::Limit), "limit"));
    assert_eq!(forwarded_for(&policy, &["garbage, 203.0.113.7"]), answer("203.0.113.7", Via::Header));
    assert_eq!(forwarded_for(&policy, &[]), answer(PROXY, Via::Peer));
    assert_eq!(forwarded_for(&policy, &["10.0.0.2"]), answer("10.0.0.2", Via::AllTrusted));
    let stranger = resolve(&policy, "203.0.113.7", "x-forwarded-for", &["garbage"]);
    assert_eq!(stranger, answer("203.0.113.7", Via::Peer));
}

#[test]
fn outcomes_that_mean_misconfiguration_are_counted() {
    let policy = ClientIp::builder().header("forwarded").trusted([PROXY]).max_entries(1).build().unwrap();
    let lines = ["for=10.0.0.1", "for=1.1.1.1, for=10.0.0.1", "for=x", "for=_x", "for=1.1.1.1"];
    for (line, times) in lines.into_iter().zip(1..) {
        for _ in 0..times {
            resolve(&policy, PROXY, "forwarded", &[line]).unwrap();
        }
    }
    let counts = policy.clone().counts();
    assert_eq!((counts.all_trusted, counts.limit), (1, 2));
    assert_eq!((counts.malformed, counts.opaque, counts.short_chain), (3, 4, 0));

    let counting = ClientIp::hops(2).build().unwrap();
    assert_eq!(counting.counts(), OutcomeCounts::default());
    assert_eq!(forwarded_for(&counting, &["203.0.113.7"]), answer(PROXY, Via::ShortChain));
    assert_eq!(counting.counts().short_chain, 1);
}

#[test]
fn parsed_networks_pass_the_same_checks_as_written_ones() {
    for (text, code) in [
        ("10.0.0.1/8", "config:host_bits"),
        ("0.0.0.0/0", "config:prefix_zero"),
        ("::/0", "config:prefix_zero"),
        ("::ffff:10.0.0.0/8", "config:mapped_prefix_too_short"),
        ("::ffff:0.0.0.0/96", "config:prefix_zero"),
    ] {
        let error = ClientIp::builder().trusted_nets([text.parse().unwrap()]).build().unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let mapped = "::ffff:10.0.0.0/104".parse().unwrap();
    let policy = ClientIp::builder().header("x-forwarded-for").trusted_nets([mapped]).build().unwrap();
    assert_eq!(forwarded_for(&policy, &["203.0.113.7"]), answer("203.0.113.7", Via::Header));
}

#[test]
fn a_second_header_is_refused_and_the_same_one_again_is_not() {
    let error = ClientIp::behind_nginx([PROXY]).header("x-real-ip").build().unwrap_err();
    assert_eq!(error.code(), "config:header_twice");
    let text = error.to_string();
    assert!(text.contains("`x-real-ip`") && text.contains("`x-forwarded-for`"), "{text}");
    assert!(ClientIp::behind_nginx([PROXY]).header("X-Forwarded-For").build().is_ok());
    let error = ClientIp::builder().header("x forwarded for").build().unwrap_err();
    assert_eq!(error.code(), "config:header_name");
}

#[test]
fn hops_need_a_list_header_and_a_sensible_number() {
    for (builder, code) in [
        (ClientIp::hops(0), "config:hops"),
        (ClientIp::hops(33), "config:hops"),
        (ClientIp::hops(3).max_entries(2), "config:hops"),
        (ClientIp::fly([PROXY]).hops(1), "config:hops_need_list_header"),
        (ClientIp::cloudfront([PROXY]).hops(1), "config:hops_need_list_header"),
        (ClientIp::builder().hops(1), "config:hops_need_list_header"),
    ] {
        assert_eq!(builder.build().unwrap_err().code(), code);
    }
    assert!(ClientIp::hops(32).build().is_ok());
    assert!(ClientIp::builder().header("forwarded").hops(1).build().is_ok());
}

#[test]
fn counting_with_networks_lets_only_their_peers_speak() {
    let policy = ClientIp::hops(1).trusted(["192.0.2.0/24"]).build().unwrap();
    assert_eq!(forwarded_for(&policy, &["203.0.113.7"]), answer(PROXY, Via::Peer));
    let proxied = resolve(&policy, "192.0.2.1", "x-forwarded-for", &["203.0.113.7"]);
    assert_eq!(proxied, answer("203.0.113.7", Via::Header));
}

#[test]
fn lines_of_a_single_value_header_must_agree() {
    let policy = ClientIp::cloudflare([PROXY]).build().unwrap();
    let read = |lines: &[&str]| resolve(&policy, PROXY, "cf-connecting-ip", lines);
    assert_eq!(read(&["203.0.113.7", " 203.0.113.7 "]), answer("203.0.113.7", Via::Header));
    assert_eq!(read(&["203.0.113.7", "203.0.113.8"]), answer(PROXY, Via::Malformed));
    assert_eq!(read(&["203.0.113.7", ""]), answer(PROXY, Via::Malformed));
    assert_eq!(read(&["203.0.113.7, 203.0.113.7"]), answer(PROXY, Via::Malformed));
    assert_eq!(read(&[" "]), answer(PROXY, Via::Peer));
}

#[test]
fn a_unix_peer_has_no_address_to_fall_back_to() {
    let policy = ClientIp::behind_nginx([PROXY]).trust_unix(true).build().unwrap();
    let mut headers = HeaderMap::new();
    assert_eq!(policy.resolve(Peer::Unix, &headers), Err(ResolveError::NoAddress));
    headers.append("x-forwarded-for", "garbage".parse().unwrap());
    assert_eq!(policy.resolve(Peer::Unix, &headers), Err(ResolveError::NoAddress));
    headers.append("x-forwarded-for", PROXY.parse().unwrap());
    assert_eq!(policy.resolve(Peer::Unix, &headers).unwrap().ip().to_string(), PROXY);
    for untrusting in [ClientIp::peer_only(), ClientIp::hops(1).build().unwrap()] {
        assert_eq!(untrusting.resolve(Peer::Unix, &headers), Err(ResolveError::UnixPeerUntrusted));
    }
}

#[test]
fn without_connection_info_no_policy_reads_a_header() {
    let mut headers = HeaderMap::new();
    headers.append("x-forwarded-for", "203.0.113.7".parse().unwrap());
    for policy in [ClientIp::default(), ClientIp::hops(1).build().unwrap(), trusting_everyone()] {
        assert_eq!(policy.resolve(Peer::Unknown, &headers), Err(ResolveError::NoPeer));
    }
}
