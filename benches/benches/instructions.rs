//! A fixed amount of one kind of work, named by the first argument, for an instruction counter:
//! the difference between two amounts, divided by the difference in decisions, is what one costs.

use std::convert::Infallible;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use benches::keys::{FromId, Keys};
use benches::requests::{Bare, answer, bare, request};
use benches::rivals::*;
use http::{HeaderMap, Request, Response};
use limiter_core::Limiter;
#[cfg(feature = "fleet")]
use limiter_core::event::violation::{NoSink, ViolationTracker};
use limiter_core::key::client_ip::{ClientIp, Peer, ResolveError, Resolved};
#[cfg(feature = "fleet")]
use limiter_core::{Policy, Rule};
use limiter_tower::headers::Wire;
use limiter_tower::{RateLimit, RateLimitLayer};
use tower::{Layer, Service};
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

fn work<R: Rival>(keys: &Keys, times: usize, refuse: bool) -> usize {
    // Making a clock takes as long as it takes, so it is not counted.
    counted(&R::new(refuse), R::Key::of(keys), times)
}

/// `Limiter::check` with a violation tracker beside it.
#[cfg(feature = "fleet")]
struct Tracked(Limiter, Policy);

#[cfg(feature = "fleet")]
impl Rival for Tracked {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        let limiter = match ViolationTracker::builder("bench").start(NoSink) {
            Ok(tracker) => Limiter::builder().observer(tracker).build(),
            // As cheap as without a tracker, which stands out.
            Err(_) => Limiter::in_memory(),
        };
        let policy = Policy::new("bench", [Rule::new(ours(refuse))]).unwrap_or_else(|_| no_rules());
        Tracked(limiter, policy)
    }

    #[inline]
    fn check(&self, key: &IpAddr) -> bool {
        self.0.check(&self.1, &limiter_core::Key::from(*key)).is_allowed()
    }
}

/// What `instructions.sh` has counted, by this name.
#[inline(never)]
fn counted<R: Rival>(rival: &R, keys: &[R::Key], times: usize) -> usize {
    let (mut passed, mut left) = (0, times);
    while left > 0 && !keys.is_empty() {
        let round = &keys[..left.min(keys.len())];
        passed += round.iter().filter(|key| rival.check(black_box(key))).count();
        left -= round.len();
    }
    passed
}

/// Finds the clients of requests that have nothing but their peer.
#[inline(never)]
fn counted_peers(times: usize, find: impl Fn(Peer, &HeaderMap) -> Result<Resolved, ResolveError>) -> usize {
    let (peer, headers) = (Peer::Ip(Ipv4Addr::new(203, 0, 113, 7).into()), HeaderMap::new());
    (0..times).filter(|_| black_box(find(black_box(peer), black_box(&headers))).is_ok()).count()
}

/// Requests through a layer, one client's.
#[inline(never)]
fn counted_requests<S, R>(times: usize, mut service: S) -> usize
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible>,
{
    (0..times).filter(|_| black_box(answer(&mut service, request(7))).status().is_success()).count()
}

/// Ours with a quota that is never spent.
fn limited(wire: Wire) -> RateLimit<tower::util::ServiceFn<Bare>> {
    let builder = RateLimitLayer::builder().quota("1000000000/s").limiter(Limiter::in_memory()).wire(wire);
    builder.build().expect("a quota").layer(bare())
}

/// Theirs with a quota that is never spent.
macro_rules! governed {
    ($($fields:ident)?) => {{
        let mut builder = GovernorConfigBuilder::default();
        let config = builder.period(Duration::from_nanos(1)).burst_size(1_000_000_000)$(.$fields())?.finish();
        GovernorLayer::new(config.expect("a quota")).layer(bare())
    }};
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (Some(kind), Some(times)) = (words.next(), words.next().and_then(|word| word.parse::<u32>().ok())) else {
        return;
    };
    // One key many times over, so that the loop around the decisions costs next to nothing.
    let (hot, each) = (Keys::uniform(1, 1024), Keys::each(1_100_000));
    // A tracker has a task; nothing here lets it run.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let _inside = runtime.as_ref().ok().map(tokio::runtime::Runtime::enter);
    // Keys are made before the count starts to differ.
    let _ = (IpAddr::of(&each).len(), limiter_core::Key::of(&hot).len());
    let (n, ip) = (times as usize, &each);
    let passed = match kind.as_str() {
        "hot" => work::<OurStore>(&hot, n, false),
        "refused" => work::<OurStore>(&hot, n, true),
        "new" => work::<OurStore>(ip, n, false),
        "check" => work::<OurCheck>(&hot, n, false),
        "check-refused" => work::<OurCheck>(&hot, n, true),
        #[cfg(feature = "fleet")]
        "check-tracked" => work::<Tracked>(&hot, n, false),
        #[cfg(feature = "fleet")]
        "check-refused-tracked" => work::<Tracked>(&hot, n, true),
        "decide-key" => work::<OurDecideKey>(&hot, n, false),
        "two-rules" => work::<OurTwoRules>(&hot, n, false),
        "text" => work::<OurText>(&hot, n, false),
        "fixed" => work::<OurFixed>(&hot, n, false),
        "sliding" => work::<OurSliding>(&hot, n, false),
        "slot" => work::<OurConcurrent>(&hot, n, false),
        "peer" => {
            let policy = ClientIp::peer_only();
            counted_peers(n, |peer, headers| black_box(&policy).resolve(peer, headers))
        }
        // What finding a peer cannot be below: it goes in, and an answer comes out.
        "peer-copy" => {
            let answer = ClientIp::peer_only().resolve(Peer::Ip(Ipv4Addr::LOCALHOST.into()), &HeaderMap::new());
            counted_peers(n, |peer, _| {
                black_box(peer);
                *black_box(&answer)
            })
        }
        "layer-bare" => counted_requests(n, bare()),
        "layer" => counted_requests(n, limited(Wire::new().private())),
        "layer-fields" => counted_requests(n, limited(Wire::new())),
        "governor-layer" => counted_requests(n, governed!()),
        "governor-layer-fields" => counted_requests(n, governed!(use_headers)),
        "governor-hot" => work::<Governor<IpAddr, std::hash::RandomState>>(&hot, n, false),
        "governor-new" => work::<Governor<IpAddr, std::hash::RandomState>>(ip, n, false),
        _ => 0,
    };
    black_box(passed);
}
