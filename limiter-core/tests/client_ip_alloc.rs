//! Finding the client allocates nothing, however long the header.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use http::HeaderMap;
use limiter_core::key::client_ip::{ClientIp, Peer, Via};

const PROXY: &str = "10.0.0.1";

fn headers(name: &'static str, lines: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, line.parse().unwrap());
    }
    headers
}

/// Resolves once, checks how the client was found, and gives the number of allocations.
fn allocations(policy: &ClientIp, peer: Peer, headers: &HeaderMap, via: Via) -> u64 {
    let mut found = None;
    let info = allocation_counter::measure(|| {
        found = policy.resolve(peer, headers).ok().map(|client| (client.key(), client.via()));
    });
    assert_eq!(found.unwrap().1, via);
    info.count_total
}

#[test]
fn the_counter_counts() {
    let info = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(info.count_total, 1);
}

#[test]
fn no_policy_allocates_for_any_answer() {
    let proxy = Peer::Ip(PROXY.parse().unwrap());
    let stranger = Peer::Ip("203.0.113.9".parse().unwrap());
    // A thread that reads a replaceable list for the first time sets up its record of what it reads.
    let warm = ClientIp::behind_nginx([PROXY]).build().unwrap();
    warm.resolve(proxy, &HeaderMap::new()).unwrap();
    for entries in [1, 8, 31, 2_000] {
        // The second half stands on a line of its own.
        let list = |first: &str, entry: &str| {
            let half = vec![entry; entries / 2].join(", ");
            [format!("{first}, {half}"), vec![entry; entries - entries / 2].join(", ")]
        };
        let lists = [
            ("x-forwarded-for", list("2001:db8::7", "10.0.0.2:80"), Via::Header),
            ("x-forwarded-for", list("garbage", "[::ffff:10.0.0.2]:80"), Via::Malformed),
            ("x-forwarded-for", list("10.0.0.2", "10.0.0.2"), Via::AllTrusted),
            ("forwarded", list("for=\"[2001:db8::7%eth0]\"", "for=10.0.0.2;host=\"a,\\\"b\""), Via::Header),
            ("forwarded", list("for=\"\\_x\"", "for=\"10.0.0\\.2\""), Via::Opaque),
        ];
        for (name, lines, via) in lists {
            let policy = ClientIp::builder().header(name).trusted(["10.0.0.0/8", "192.0.2.1"]).build().unwrap();
            let headers = headers(name, &lines);
            let via = if entries > 32 { Via::Limit } else { via };
            assert_eq!(allocations(&policy, proxy, &headers, via), 0, "{name} {via} {entries}");
            assert_eq!(allocations(&policy, stranger, &headers, Via::Peer), 0, "{name} {entries}");
        }
    }
    let single = ClientIp::cloudfront([PROXY]).build().unwrap();
    let headers = headers("cloudfront-viewer-address", &["2001:db8::7:443".to_owned(), "2001:db8::7:443".to_owned()]);
    assert_eq!(allocations(&single, proxy, &headers, Via::Header), 0);
    assert_eq!(allocations(&ClientIp::peer_only(), proxy, &headers, Via::Peer), 0);
}
