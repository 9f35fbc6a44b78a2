//! The short way and the way for all say the same, whatever comes.

use core::convert::Infallible;
use core::future::ready;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use limiter_core::key::client_ip::ClientIp;
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, Limiter, MethodClass, Quota, Rule};
use proptest::prelude::*;
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use crate::current::Share;
use crate::headers::{Family, Legacy, Refused, Wire};
use crate::layer::RateLimitLayer;
use crate::{Global, Ip, PeerAddr, PeerUnix};

/// How a pair of layers is made.
#[derive(Clone, Debug)]
struct Made {
    rules: u8,
    algorithm: Algorithm,
    cost: u32,
    penalty: bool,
    key: u8,
    wire: u8,
    behind_proxy: bool,
    /// Whether the limiter travels with the request.
    travels: bool,
}

#[derive(Clone, Debug)]
struct Asked {
    method: u8,
    peer: u8,
    forwarded: Option<u8>,
    origin: bool,
    shares: bool,
    /// What the inner service does: it answers, redirects, or refuses as a limit further in does.
    inner: u8,
    later: u32,
}

fn made() -> impl Strategy<Value = Made> {
    let algorithm = prop::sample::select(vec![
        Algorithm::Bucket,
        Algorithm::Bucket,
        Algorithm::Bucket,
        Algorithm::Fixed,
        Algorithm::Interval,
        Algorithm::Log,
        Algorithm::Sliding,
    ]);
    (0..4u8, algorithm, 0..3u32, any::<bool>(), 0..4u8, 0..6u8, any::<bool>(), any::<bool>()).prop_map(
        |(rules, algorithm, cost, penalty, key, wire, behind_proxy, travels)| Made {
            rules,
            algorithm,
            cost,
            penalty,
            key,
            wire,
            behind_proxy,
            travels,
        },
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let forwarded = prop::option::of(0..4u8);
    let later = prop_oneof![Just(0), 0..1_000_000_000u32];
    (0..5u8, 0..8u8, forwarded, any::<bool>(), prop::bool::weighted(0.1), 0..6u8, later).prop_map(
        |(method, peer, forwarded, origin, shares, inner, later)| Asked {
            method,
            peer,
            forwarded,
            origin,
            shares,
            inner,
            later,
        },
    )
}

impl Made {
    fn rule(&self, count: u64, class: MethodClass) -> Rule {
        let quota = Quota::per_second(count);
        let rule = Rule::new(quota).algorithm(self.algorithm).cost(self.cost).class(class);
        let rule = if self.penalty { rule.penalty() } else { rule };
        match self.key {
            0 => rule.key(Global),
            1 => rule.key(Ip::prefix(48)),
            _ => rule.key(Ip::new()),
        }
    }

    fn wire(&self) -> Option<Wire> {
        match self.wire {
            0 => None,
            1 => Some(Wire::new().private()),
            2 => Some(Wire::new().legacy(Legacy::Off)),
            3 => Some(Wire::new().family(Family::Draft06).legacy(Legacy::Delta)),
            4 => Some(Wire::new().expose_headers()),
            _ => Some(Wire::new().partition_keys().private()),
        }
    }

    /// A layer with a limiter of its own, and the limiter.
    fn layer(&self, clock: &ManualClock) -> (RateLimitLayer, Limiter) {
        let client_ip = if self.behind_proxy {
            ClientIp::behind_nginx(["10.0.0.1"]).build().unwrap()
        } else {
            ClientIp::peer_only()
        };
        let limiter = Limiter::builder().clock(clock.clone()).client_ip(client_ip).build();
        let mut builder = RateLimitLayer::builder();
        builder = match self.rules {
            0 => builder.rule(self.rule(3, MethodClass::Read)).rule(self.rule(2, MethodClass::Write)),
            1 => builder.rule(self.rule(3, MethodClass::Any)).rule(self.rule(2, MethodClass::Write)),
            _ => builder.rule(self.rule(3, MethodClass::Any)),
        };
        if let Some(wire) = self.wire() {
            builder = builder.wire(wire);
        }
        if !self.travels {
            builder = builder.limiter(limiter.clone());
        }
        (builder.build().unwrap(), limiter)
    }
}

impl Asked {
    fn request(&self, travelling: Option<&Limiter>) -> Request<Full<Bytes>> {
        let method = [Method::GET, Method::POST, Method::OPTIONS, Method::HEAD, Method::CONNECT];
        let mut request = Request::new(Full::default());
        *request.method_mut() = method[usize::from(self.method)].clone();
        if let Some(client) = self.forwarded {
            let client = ["198.51.100.1", "198.51.100.2", "2001:db8::1", "nobody"][usize::from(client)];
            request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
        }
        if self.origin {
            request.headers_mut().insert("origin", "https://example.org".parse().unwrap());
            request.headers_mut().insert("access-control-request-method", "GET".parse().unwrap());
        }
        request.headers_mut().insert("x-inner", self.inner.to_string().parse().unwrap());
        let extensions = request.extensions_mut();
        let noted: Option<SocketAddr> = match self.peer {
            0 | 1 => Some("203.0.113.7:1".parse().unwrap()),
            2 => Some("203.0.113.8:1".parse().unwrap()),
            3 => Some("10.0.0.1:1".parse().unwrap()),
            4 => Some("[2001:db8:1:2::3]:1".parse().unwrap()),
            5 => Some("[::ffff:203.0.113.7]:1".parse().unwrap()),
            _ => None,
        };
        #[cfg(feature = "axum")]
        if let (Some(address), 1..) = (noted, self.peer) {
            extensions.insert(axum::extract::ConnectInfo(address));
        }
        if let (Some(address), 0) = (noted, self.peer) {
            extensions.insert(PeerAddr(address));
        }
        if self.peer == 6 {
            extensions.insert(PeerUnix);
        }
        if self.shares {
            extensions.insert(Share);
        }
        if let Some(limiter) = travelling {
            extensions.insert(limiter.clone());
        }
        request
    }
}

fn inner(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, &'static str> {
    let mut response = Response::new(Full::from("found"));
    match request.headers()["x-inner"].as_bytes() {
        b"0" => return Err("torn"),
        b"1" => *response.status_mut() = StatusCode::SEE_OTHER,
        b"2" => {
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.extensions_mut().insert(Refused);
        }
        b"3" => {
            response.headers_mut().insert("x-ratelimit-remaining", "1".parse().unwrap());
            response.extensions_mut().insert(7u8);
        }
        _ => {}
    }
    Ok(response)
}

type Said = Result<(StatusCode, HeaderMap, Bytes, bool), &'static str>;

fn say(layer: &RateLimitLayer, request: Request<Full<Bytes>>) -> Said {
    let mut service = layer.layer(service_fn(|request| ready(inner(request))));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(said) = pin!(service.call(request)).poll(&mut context) else { panic!("memory answers at once") };
    let (head, body) = said?.into_parts();
    let refused = head.extensions.get::<Refused>().is_some();
    let Poll::Ready(body) = pin!(body.collect()).poll(&mut context) else { panic!("a body that is there") };
    let body: Result<_, Infallible> = body;
    Ok((head.status, head.headers, body.unwrap().to_bytes(), refused))
}

proptest! {
    #[test]
    fn the_short_way_says_what_the_way_for_all_says(made in made(), asked in prop::collection::vec(asked(), 1..40)) {
        let clock = ManualClock::new();
        let ((short, one), (full, other)) = (made.layer(&clock), made.layer(&clock));
        let full = full.in_full();
        for asked in &asked {
            let travelling = |limiter| made.travels.then_some(limiter);
            let said = say(&short, asked.request(travelling(&one)));
            prop_assert_eq!(&said, &say(&full, asked.request(travelling(&other))), "{:?}", asked);
            clock.advance(Duration::from_nanos(asked.later.into()));
        }
        prop_assert_eq!(one.client_ip().counts(), other.client_ip().counts());
    }
}

/// The first requests are looked at for mistakes in the set-up, and the short way leads there too.
#[test]
fn the_short_way_is_taken_from_the_first_request_on_and_where_nobody_else_asks() {
    let clock = ManualClock::new();
    for (travels, wire) in [(false, 1), (false, 0), (true, 0)] {
        let made = Made {
            rules: 2,
            algorithm: Algorithm::Bucket,
            cost: 1,
            penalty: false,
            key: 2,
            wire,
            behind_proxy: false,
            travels,
        };
        let (layer, limiter) = made.layer(&clock);
        let asked = Asked { method: 0, peer: 1, forwarded: None, origin: false, shares: false, inner: 9, later: 0 };
        for _ in 0..2 {
            let request = asked.request(travels.then_some(&limiter));
            let way = layer.gate().in_short(MethodClass::Read, request.headers(), request.extensions());
            // The first makes the policy ready.
            assert!(matches!((way, wire), (super::Way::Quiet(_), 1) | (super::Way::Passed(_), 0)));
        }
        let request = Asked { shares: true, ..asked }.request(Some(&limiter));
        let way = layer.gate().in_short(MethodClass::Read, request.headers(), request.extensions());
        assert!(matches!(way, super::Way::InFull(None)));
    }
}

/// What is given back needs nobody but the limiter, however the services have gone.
#[test]
fn a_charge_is_given_back_after_the_layer_is_gone() {
    let (clock, asked) = (
        ManualClock::new(),
        Asked { method: 0, peer: 1, forwarded: None, origin: false, shares: false, inner: 2, later: 0 },
    );
    let limiter = Limiter::builder().clock(clock.clone()).build();
    let rule = Rule::new(Quota::per_second(1)).scope("shared");
    let policy = |name: &'static str| limiter_core::Policy::new(name, [rule.clone()]).unwrap();
    for _ in 0..3 {
        let builder = RateLimitLayer::builder().policy(policy("a")).limiter(limiter.clone());
        let layer = builder.wire(Wire::new().private()).build().unwrap();
        let mut service = layer.layer(service_fn(|request| ready(inner(request))));
        let mut answer = Box::pin(service.call(asked.request(None)));
        drop((service, layer));
        let polled = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(response)) if response.extensions().get::<Refused>().is_some()));
    }
    assert!(limiter.peek(&policy("b"), &"203.0.113.7".parse::<std::net::IpAddr>().unwrap().into(), 1).is_allowed());
}
