//! What it costs to find the client of a request.
//!
//! Targets: a peer-only address for the price of a copy, three hops of X-Forwarded-For in 150 ns.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue};
use limiter_core::key::client_ip::{ClientIp, ClientIpBuilder, Peer};

const THREE_HOPS: &str = "203.0.113.7, 10.0.0.3, 10.0.0.2";
const THREE_HOPS_V6: &str = "2001:db8:7:1::7, fd00::3, fd00::2";
const THREE_HOPS_FORWARDED: &str = "for=203.0.113.7;proto=https, for=10.0.0.3, for=10.0.0.2";

fn proxies() -> Vec<String> {
    let v4 = (1..=8).map(|last| format!("10.0.0.{last}"));
    v4.chain((1..=8).map(|last| format!("fd00::{last}"))).collect()
}

fn peer(text: &str) -> Peer {
    text.parse::<IpAddr>().map_or(Peer::Unknown, Peer::Ip)
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("client_ip");
    let address = peer("203.0.113.7");
    let answer = ClientIp::peer_only().resolve(address, &HeaderMap::new());
    group.bench_function("copy of an answer", |b| b.iter(|| *black_box(&answer)));

    // A peer goes in and an answer comes out, as below: what the measuring itself costs.
    let unread = HeaderMap::<HeaderValue>::new();
    let copy = |from: Peer, _: &HeaderMap| answer.map(|answer| (from, answer));
    group.bench_function("copy of a peer and an answer", |b| b.iter(|| copy(black_box(address), black_box(&unread))));

    let mut case = |name: &str, builder: ClientIpBuilder, header: &'static str, line: &'static str, from: &str| {
        let policy = builder.build().unwrap_or_default();
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("example.org"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        headers.insert("user-agent", HeaderValue::from_static("bench"));
        headers.insert(header, HeaderValue::from_static(line));
        let from = peer(from);
        group.bench_function(name, |b| b.iter(|| policy.resolve(black_box(from), black_box(&headers))));
    };
    let xff = || ClientIp::behind_nginx(proxies());
    case("peer only", ClientIp::builder(), "x-forwarded-for", THREE_HOPS, "203.0.113.7");
    case("untrusted peer", xff(), "x-forwarded-for", THREE_HOPS, "203.0.113.7");
    case("x-forwarded-for, one hop", xff(), "x-forwarded-for", "203.0.113.7", "10.0.0.1");
    case("x-forwarded-for, three hops", xff(), "x-forwarded-for", THREE_HOPS, "10.0.0.1");
    case("x-forwarded-for, three hops, IPv6", xff(), "x-forwarded-for", THREE_HOPS_V6, "fd00::1");
    case("x-forwarded-for, hops(3)", ClientIp::hops(3), "x-forwarded-for", THREE_HOPS, "10.0.0.1");
    let forwarded = ClientIp::builder().header("forwarded").trusted(proxies());
    case("forwarded, three hops", forwarded, "forwarded", THREE_HOPS_FORWARDED, "10.0.0.1");
    let single = ClientIp::builder().header("cf-connecting-ip").trusted(proxies());
    case("cf-connecting-ip", single, "cf-connecting-ip", "203.0.113.7", "10.0.0.1");
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
