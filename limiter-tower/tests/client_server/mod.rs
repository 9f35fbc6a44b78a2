//! A server on the other end: the project's algorithms, a way there and back, and the fields of one family.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use limiter_core::algorithm::{Algorithm, Params, State, Verdict};
use limiter_core::time::{Nanos, Now};
use limiter_tower::client::PaceLayer;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

/// 2025-01-01T00:00:00.4Z
const WALL: u64 = 1_735_689_600_400_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Draft06,
    Draft07,
    Draft11,
    LegacyDelta,
    LegacyEpoch,
    RetryAfterOnly,
    Silent,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    rules: Vec<(String, Params)>,
    states: Arc<Mutex<Vec<State>>>,
    family: Family,
    way: Duration,
    jitter: Option<Arc<AtomicU64>>,
    start: Instant,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) refused: usize,
    pub(crate) took: Duration,
}

impl Server {
    pub(crate) fn new(algorithm: Algorithm, quota: &str) -> Self {
        let server = Server {
            rules: Vec::new(),
            states: Arc::default(),
            family: Family::Draft11,
            way: Duration::ZERO,
            jitter: None,
            start: Instant::now(),
        };
        server.and(algorithm, quota)
    }

    pub(crate) fn and(mut self, algorithm: Algorithm, quota: &str) -> Self {
        self.rules.push((quota.replace(' ', "-"), Params::new(algorithm, quota.parse().unwrap()).unwrap()));
        self.states.lock().unwrap().push(State::default());
        self
    }

    pub(crate) fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// How long a request is on its way to the server, and its answer on the way back.
    pub(crate) fn way(mut self, way: Duration) -> Self {
        self.way = way;
        self
    }

    /// Ways of up to five times the given length, and answers that overtake each other.
    pub(crate) fn jitter(mut self, seed: u64) -> Self {
        self.jitter = Some(Arc::new(AtomicU64::new(seed)));
        self
    }

    fn way_now(&self) -> Duration {
        let Some(state) = &self.jitter else { return self.way };
        // Knuth's linear congruential generator: any spread will do.
        let next = |x: u64| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = next(state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |x| Some(next(x))).unwrap()) >> 40;
        self.way + self.way * u32::try_from(drawn % 401).unwrap() / 100
    }

    fn now(&self) -> Now {
        let since = Nanos::from(self.start.elapsed());
        // Room before the first request, so that a fresh state is in the past.
        Now {
            monotonic: since.saturating_add(Nanos::new(1_000_000_000_000_000)),
            wall: since.saturating_add(Nanos::new(WALL)),
        }
    }

    fn answer(&self) -> Response<()> {
        let now = self.now();
        let mut states = self.states.lock().unwrap();
        let steps: Vec<_> = self.rules.iter().zip(states.iter()).map(|((_, p), s)| p.decide(*s, now, 1)).collect();
        let refused: Vec<_> = steps.iter().map(|step| matches!(step.verdict, Verdict::Deny { .. })).collect();
        let denied = refused.contains(&true);
        if !denied {
            for (state, step) in states.iter_mut().zip(&steps) {
                *state = step.state;
            }
        }
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from(now.wall));
        let mut builder = Response::builder().header("date", date);
        if denied {
            let wait = steps.iter().filter_map(|step| match step.verdict {
                Verdict::Deny { retry } => retry,
                _ => None,
            });
            let wait = wait.max().unwrap().as_secs_ceil().max(1);
            builder = builder.status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", wait);
        }
        let told = self.rules.iter().zip(states.iter()).zip(&refused).filter(|(_, refused)| !denied || **refused);
        for (((name, params), state), _) in told {
            builder = self.fields(builder, name, params, *state, now);
        }
        builder.body(()).unwrap()
    }

    fn fields(
        &self,
        builder: http::response::Builder,
        name: &str,
        params: &Params,
        state: State,
        now: Now,
    ) -> http::response::Builder {
        let (q, r) = (params.capacity(), params.remaining(state, now));
        let w = params.window().unwrap();
        let whole = params.reset_after(state, now).unwrap();
        let reset = whole.as_secs_ceil();
        let window =
            if w.get().is_multiple_of(1_000_000_000) { format!(";w={}", w.as_secs_ceil()) } else { String::new() };
        match self.family {
            Family::Draft11 => {
                let next = params.next_unit_after(state, now).unwrap();
                let pace = match params.algorithm() {
                    Algorithm::Bucket => Nanos::new(r * w.get() / q).max(next),
                    _ => whole,
                };
                builder
                    .header("ratelimit-policy", format!("\"{name}\";q={q}{window}"))
                    .header("ratelimit", format!("\"{name}\";r={r};t={}", pace.as_secs_ceil()))
            }
            Family::Draft07 => builder
                .header("ratelimit-policy", format!("{q}{window}"))
                .header("ratelimit", format!("limit={q}, remaining={r}, reset={reset}")),
            Family::Draft06 => builder
                .header("ratelimit-policy", format!("{q}{window}"))
                .header("ratelimit-limit", q)
                .header("ratelimit-remaining", r)
                .header("ratelimit-reset", reset),
            Family::LegacyDelta => builder
                .header("x-ratelimit-limit", q)
                .header("x-ratelimit-remaining", r)
                .header("x-ratelimit-reset", reset),
            Family::LegacyEpoch => builder
                .header("x-rate-limit-limit", q)
                .header("x-rate-limit-remaining", r)
                .header("x-rate-limit-reset", now.wall.saturating_add(whole).as_secs_ceil()),
            Family::RetryAfterOnly | Family::Silent => builder,
        }
    }
}

impl Service<Request<()>> for Server {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<()>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            sleep(server.way_now()).await;
            let answer = server.answer();
            sleep(server.way_now()).await;
            Ok(answer)
        })
    }
}

/// A log of `limit` requests in any `period`: each of them comes back by itself.
pub(crate) fn log(
    limit: usize,
    period: Duration,
    way: Duration,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible, Future: Send> + Clone + Send + 'static {
    let entries = Arc::new(Mutex::new(VecDeque::<Instant>::new()));
    tower::service_fn(move |_: Request<()>| {
        let entries = entries.clone();
        async move {
            sleep(way).await;
            let answer = {
                let (mut entries, now) = (entries.lock().unwrap(), Instant::now());
                while entries.front().is_some_and(|first| *first + period <= now) {
                    entries.pop_front();
                }
                let refused = entries.len() >= limit;
                if !refused {
                    entries.push_back(now);
                }
                let left = limit - entries.len();
                let next = *entries.front().unwrap() + period - now;
                let pace = next.max(period * u32::try_from(left).unwrap() / u32::try_from(limit).unwrap());
                let ceil = |wait: Duration| wait.as_nanos().div_ceil(1_000_000_000);
                let mut builder = Response::builder()
                    .header("ratelimit-policy", format!("\"log\";q={limit};w={}", period.as_secs()))
                    .header("ratelimit", format!("\"log\";r={left};t={}", ceil(pace)));
                if refused {
                    builder = builder.status(429).header("retry-after", ceil(next).to_string());
                }
                builder.body(()).unwrap()
            };
            sleep(way).await;
            Ok(answer)
        }
    })
}

/// Sends `requests`, of which `at_once` are under way at the same time.
pub(crate) async fn run<S>(layer: Option<PaceLayer>, server: S, requests: usize, at_once: usize) -> Outcome
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let start = Instant::now();
    let left = Arc::new(AtomicUsize::new(requests));
    let refused = Arc::new(AtomicUsize::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (server, layer, left, refused) = (server.clone(), layer.clone(), left.clone(), refused.clone());
        workers.spawn(async move {
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                let request = Request::get("http://api.test/items").body(()).unwrap();
                let response = match &layer {
                    Some(layer) => layer.layer(server.clone()).oneshot(request).await.unwrap(),
                    None => server.clone().oneshot(request).await.unwrap(),
                };
                if response.status() == StatusCode::TOO_MANY_REQUESTS {
                    refused.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
    Outcome { refused: refused.load(Ordering::SeqCst), took: start.elapsed() }
}
