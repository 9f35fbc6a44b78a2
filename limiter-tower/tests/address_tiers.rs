//! Two limits by address in one policy: a line's network and the wider one that it is in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use limiter_core::key::Ip;
use limiter_core::testing::ManualClock;
use limiter_tower::store::memory::MemoryStore;
use limiter_tower::{Limiter, PeerAddr, RateLimitBuilder, RateLimitLayer, Rule};
use support::{get, ok};
use tower::{Layer, Service, ServiceExt, service_fn};

const OK: StatusCode = StatusCode::OK;
const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

async fn ask<S, R>(service: &S, peer: &str) -> (StatusCode, HeaderMap)
where
    S: Service<http::Request<support::TestBody>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
{
    let mut request = get("/");
    request.extensions_mut().insert(PeerAddr(SocketAddr::from((peer.parse::<IpAddr>().unwrap(), 4711))));
    let (head, _) = service.clone().oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers)
}

/// A line may ask twice a minute, and all lines of a site together five times.
fn tiers() -> RateLimitBuilder {
    let rule = |quota: &str| Rule::new(quota.parse().unwrap());
    RateLimitLayer::builder()
        .rule(rule("2/min").key(Ip::new()).named("line"))
        .rule(rule("5/min").key(Ip::prefix(48)).named("site"))
}

#[tokio::test]
async fn who_holds_a_whole_site_is_limited_by_it_and_one_line_by_its_own() {
    let clock = ManualClock::new();
    let store = MemoryStore::new();
    let limiter = Limiter::builder().clock(clock.clone()).memory(store).build();
    let service = tiers().limiter(limiter.clone()).build().unwrap().layer(service_fn(ok));

    // Three addresses of one line.
    for (peer, expected) in [("2001:db8:7:1::1", OK), ("2001:db8:7:1::2", OK), ("2001:db8:7:1:ffff::3", LIMITED)] {
        let (status, headers) = ask(&service, peer).await;
        assert_eq!(status, expected, "{peer}");
        assert_eq!(headers["ratelimit-policy"], "\"line\";q=2;w=60, \"site\";q=5;w=60");
        if expected == LIMITED {
            assert_eq!(headers["ratelimit"], "\"line\";r=0;t=30");
        }
    }
    // The refusal of the line has not charged the site: three are left for all the others.
    for (line, expected) in [(2, OK), (3, OK), (4, OK), (5, LIMITED), (6, LIMITED)] {
        let (status, headers) = ask(&service, &format!("2001:db8:7:{line}::1")).await;
        assert_eq!(status, expected, "{line}");
        if expected == LIMITED {
            assert_eq!(
                (&headers["ratelimit"], &headers["retry-after"]),
                (&"\"site\";r=0;t=12".parse().unwrap(), &"12".parse().unwrap())
            );
        }
    }
    // Another site, and an IPv4 address, which is a line and a site by itself.
    for peer in ["2001:db8:8:1::1", "203.0.113.7"] {
        assert_eq!(ask(&service, peer).await.0, OK, "{peer}");
    }
    for expected in [OK, LIMITED] {
        assert_eq!(ask(&service, "::ffff:203.0.113.7").await.0, expected, "mapped or not, one address");
    }
    // A refused line of a spent site has charged neither: a unit of each comes back in its own time.
    clock.advance(Duration::from_secs(12));
    assert_eq!(ask(&service, "2001:db8:7:5::1").await.0, OK);
    assert_eq!(ask(&service, "2001:db8:7:6::1").await.0, LIMITED);
}

#[tokio::test]
async fn a_whole_line_of_addresses_makes_two_cells_and_no_more() {
    let limiter = Limiter::builder().clock(ManualClock::new()).build();
    let service = tiers().limiter(limiter.clone()).build().unwrap().layer(service_fn(ok));
    for low in 0..=u16::MAX {
        ask(&service, &format!("2001:db8:7:1::{low:x}")).await;
    }
    assert_eq!(limiter.memory().unwrap().stats().keys, 2, "one of the line, one of the site");
}
