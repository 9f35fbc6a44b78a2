//! What the layer costs: nanoseconds and allocations of one request, over a bare service that is always ready,
//! beside tower_governor and tower's ConcurrencyLimit in the same run.
//!
//! Rounds of all contenders take turns, so that whatever else the machine does meets all of them; what is told is
//! the median round, less that of the bare service. Allocations are counted, not measured. They are told with those
//! that a header section makes which is made for so many fields.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use limiter_tower::headers::{Family, Legacy, Wire};
use limiter_tower::{Limiter, RateLimitLayer};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service};
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

use benches::allocations;
use benches::requests::{answer, bare, request};

use crate::report::Report;

/// Requests in a round, each from one of so many clients.
const REQUESTS: u32 = 2_000;
const CLIENTS: u32 = 256;
const ROUNDS: usize = 201;

/// One service, and what was measured of it, for each request.
struct Contender {
    name: &'static str,
    status: StatusCode,
    round: Box<dyn FnMut() -> (Duration, usize, Seen)>,
    nanos: Vec<f64>,
    allocations: f64,
    /// The fields of an answer.
    fields: HeaderMap,
}

/// The answers of a round, as far as they are kept.
struct Seen {
    statuses: Vec<StatusCode>,
    fields: HeaderMap,
}

pub(crate) fn layers(report: &mut Report, quick: bool) {
    let rounds = if quick { ROUNDS / 3 } else { ROUNDS };
    let mut contenders = contenders();
    for contender in &mut contenders {
        // All clients become known, and quotas of one are spent.
        (contender.round)();
        let (_, allocations, seen) = (contender.round)();
        assert!(seen.statuses.iter().all(|status| *status == contender.status), "{}", contender.name);
        contender.allocations = allocations as f64 / f64::from(REQUESTS);
        contender.fields = seen.fields;
    }
    for _ in 0..rounds {
        for contender in &mut contenders {
            let (took, ..) = (contender.round)();
            contender.nanos.push(took.as_nanos() as f64 / f64::from(REQUESTS));
        }
    }
    say(report, &mut contenders);
}

fn contenders() -> Vec<Contender> {
    let limiter = Limiter::in_memory();
    let ours = |quota: &str, wire: Wire| {
        let builder = RateLimitLayer::builder().quota(quota).limiter(limiter.clone()).wire(wire);
        builder.build().expect("a quota")
    };
    // Never spent here: a client asks a few thousand times.
    let (plenty, none) = ("100000/s", "1/h");
    let legacy = || Wire::new().family(Family::Off).legacy(Legacy::Delta);
    let draft = || Wire::new().legacy(Legacy::Off);
    let theirs = |burst: u32, period: Duration| {
        let mut builder = GovernorConfigBuilder::default();
        let config = builder.period(period).burst_size(burst).use_headers().finish();
        GovernorLayer::new(config.expect("a quota"))
    };
    let silent = || {
        let mut builder = GovernorConfigBuilder::default();
        let config = builder.period(Duration::from_micros(10)).burst_size(100_000).finish();
        GovernorLayer::new(config.expect("a quota"))
    };
    let interval = Duration::from_micros(10);
    let hour = Duration::from_secs(3600);
    let (ok, refused) = (StatusCode::OK, StatusCode::TOO_MANY_REQUESTS);
    let slots = ConcurrencyLimitLayer::new(1000);
    // Each is measured against the last of theirs before it.
    vec![
        contender("bare service", ok, bare()),
        contender("tower ConcurrencyLimit", ok, slots.layer(bare())),
        contender("tower_governor, allowed", ok, silent().layer(bare())),
        contender("**ours, allowed, no fields**", ok, ours(plenty, Wire::new().private()).layer(bare())),
        contender("tower_governor, allowed, use_headers", ok, theirs(100_000, interval).layer(bare())),
        contender("**ours, allowed, default fields**", ok, ours(plenty, Wire::new()).layer(bare())),
        contender("**ours, allowed, legacy fields alone**", ok, ours(plenty, legacy()).layer(bare())),
        // As many fields as the rival sets: two.
        contender("**ours, allowed, draft 11 alone**", ok, ours(plenty, draft()).layer(bare())),
        contender("tower_governor, refused, use_headers", refused, theirs(1, hour).layer(bare())),
        contender("**ours, refused, default fields**", refused, ours(none, Wire::new()).layer(bare())),
        contender("**ours, refused, legacy fields alone**", refused, ours(none, legacy()).layer(bare())),
    ]
}

fn contender<S, R>(name: &'static str, status: StatusCode, mut service: S) -> Contender
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible> + 'static,
    R: 'static,
{
    let round = move || {
        // What a server does before a layer sees the request is not the layer's.
        let requests: Vec<_> = (0..REQUESTS).map(|at| request(at % CLIENTS)).collect();
        let mut seen = Seen { fields: HeaderMap::new(), statuses: Vec::with_capacity(requests.len()) };
        let before = allocations();
        let start = now();
        for request in requests {
            let response = answer(&mut service, request);
            seen.statuses.push(response.status());
            if seen.statuses.len() == REQUESTS as usize {
                seen.fields = response.into_parts().0.headers;
            }
        }
        (start.elapsed(), allocations() - before, seen)
    };
    Contender { name, status, round: Box::new(round), nanos: Vec::new(), allocations: 0.0, fields: HeaderMap::new() }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

/// Allocations of a header section that is made for so many fields.
fn growth(fields: usize) -> usize {
    let before = allocations();
    drop(black_box(HeaderMap::<HeaderValue>::with_capacity(fields)));
    allocations() - before
}

fn say(report: &mut Report, contenders: &mut [Contender]) {
    let head = "| | ns | over the bare service | ratio of that | to | allocations | of these the fields' own |\n\
                |---|---|---|---|---|---|---|";
    report.table("layer, one request", head);
    let (mut bare, mut theirs) = (None, ("-", f64::NAN));
    for Contender { name, nanos, allocations, fields, .. } in contenders {
        nanos.sort_by(f64::total_cmp);
        let median = nanos[nanos.len() / 2];
        let over = median - *bare.get_or_insert(median);
        if name.starts_with("tower_governor") {
            theirs = (*name, over);
        }
        let (to, ratio) = theirs;
        let ratio = if ratio.is_nan() { "-".to_owned() } else { format!("{:.2}", over / ratio) };
        let growth = growth(fields.len());
        report.say(&format!("| {name} | {median:.1} | {over:.1} | {ratio} | {to} | {allocations:.3} | {growth} |"));
    }
}
