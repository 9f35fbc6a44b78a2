//! Behaviour vectors, replayed at a server: those that were recorded at one, and those of windows,
//! whose recordings name none.

use std::time::Duration;

use futures_util::future::join_all;
use limiter_core::key::Key;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Exceeded, Held, Limiter, Policy, RateLimitExceeded, Reply, Rule, Wait};
use serde_json::Value;
use tests::redis::{self, Server};

use crate::cases::{Timeline, load, millis};
use crate::desk;
use crate::parties::{barrier_case, counter_case};
use crate::venue::Venue;
use crate::windows::Kind;
use crate::{slots, windows};

/// A limiter at a server, in time that the vectors move.
struct AtServer {
    limiter: Limiter,
}

impl AtServer {
    /// At a server that remembers nothing. Leases are the store's, so a case has one length of them.
    async fn fresh(server: &Server, time: &Timeline, lease: Option<Duration>) -> Self {
        let _: String = server.command("FLUSHALL").await;
        let builder = desk::plain(server.url()).deadline(PATIENT).callers_clock();
        let builder = lease.map_or_else(|| builder.clone(), |lease| builder.clone().lease(lease));
        let store = builder.connect().await.unwrap();
        AtServer { limiter: Limiter::builder().store(store).clock(time.clock.clone()).build() }
    }
}

impl Venue for AtServer {
    fn slots(&self, limit: u32, _: Duration) -> Rule {
        Rule::concurrent(limit)
    }

    async fn admits(&self, policy: &Policy) -> bool {
        let ruling = match self.limiter.decide_key(policy, &Key::everyone(), 1) {
            Reply::Now(ruling) => ruling,
            Reply::Later(ruling) => ruling.await,
        };
        assert!(!ruling.decision.is_degraded(), "the server decides");
        ruling.decision.is_allowed()
    }

    async fn acquire(&self, policy: &Policy) -> Result<Held, RateLimitExceeded> {
        let acquired = self.limiter.acquire(policy, &Key::everyone(), Wait::up_to(Duration::ZERO)).await;
        assert!(acquired.as_ref().err().is_none_or(|refused| refused.reason() == Exceeded::Spent), "{acquired:?}");
        acquired
    }

    async fn leave(&self, held: Held) {
        held.release().await.unwrap();
    }

    async fn contend(&self, policy: &Policy, attempts: u64) -> u64 {
        let started: Vec<_> = (0..attempts)
            .map(|_| tokio::spawn(self.limiter.acquire(policy, &Key::everyone(), Wait::up_to(Duration::ZERO))))
            .collect();
        let ended: Vec<_> = join_all(started).await.into_iter().map(Result::unwrap).collect();
        ended.iter().map(|one| u64::from(one.is_ok())).sum()
    }
}

/// The machine is busy with other tests.
const PATIENT: Duration = Duration::from_secs(10);

fn recorded_here(text: &str) -> Vec<Value> {
    let here = |case: &Value| case["confirmed_on"].as_array().unwrap().iter().any(|on| on == "redis");
    load(text).1.into_iter().filter(here).collect()
}

async fn store(server: &Server) -> RedisStore {
    desk::plain(server.url()).deadline(PATIENT).connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn barriers_come_out_as_recorded_and_missing_ones_are_told_apart() {
    if !redis::there() {
        return;
    }
    let (server, cases) =
        (Server::start(&[]).await, recorded_here(include_str!("../../vectors/dramatiq_barrier.json")));
    let store = store(&server).await;
    // In real time, all at once: each case has a barrier of its own.
    let played = cases.iter().map(|case| barrier_case(case, store.clone(), SLACK));
    let steps: usize = join_all(played).await.into_iter().sum();
    assert_eq!((cases.len(), steps), BARRIERS);
}

/// What is recorded tells outcomes apart by more than this; the machine is busy.
const SLACK: Duration = Duration::from_millis(450);

#[tokio::test]
async fn counters_come_out_as_recorded() {
    if !redis::there() {
        return;
    }
    let (server, cases) =
        (Server::start(&[]).await, recorded_here(include_str!("../../vectors/dramatiq_backend.json")));
    let store = store(&server).await;
    let mut steps = 0;
    for case in &cases {
        let _: String = server.command("FLUSHALL").await;
        steps += counter_case(case, &store).await;
    }
    assert_eq!((cases.len(), steps), COUNTERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_come_out_as_recorded_but_each_with_a_lease_of_its_own() {
    if !redis::there() {
        return;
    }
    let (server, cases) =
        (Server::start(&[]).await, recorded_here(include_str!("../../vectors/dramatiq_concurrent.json")));
    let mut steps = 0;
    for case in &cases {
        let mut time = Timeline::new(BASE_MS);
        let lease = case["config"]["ttl_ms"].as_u64().map(Duration::from_millis);
        let venue = AtServer::fresh(&server, &time, lease).await;
        steps += slots::play(case, &venue, &mut time).await;
    }
    assert_eq!((cases.len(), steps), SLOTS);
}

/// The end of 2023, more or less.
const BASE_MS: u64 = 1_700_000_000_000;

async fn play_windows(server: &Server, text: &str, kind: Kind) -> (usize, usize) {
    let (file, cases) = load(text);
    let mut steps = 0;
    for case in &cases {
        let mut time = Timeline::new(millis(&file["base_ms"]));
        let venue = AtServer::fresh(server, &time, None).await;
        steps += windows::play(case, kind, &venue, &mut time).await;
    }
    (cases.len(), steps)
}

#[tokio::test(flavor = "multi_thread")]
async fn aligned_windows_come_out_as_recorded_and_lengths_are_counted_apart() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let played = play_windows(&server, include_str!("../../vectors/dramatiq_bucket.json"), Kind::Bucket).await;
    assert_eq!(played, BUCKETS);
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_exact_where_whole_seconds_were_recorded() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let played = play_windows(&server, include_str!("../../vectors/dramatiq_window.json"), Kind::Window).await;
    assert_eq!(played, WINDOWS);
}

/// Cases and steps.
const BARRIERS: (usize, usize) = (9, 36);
const COUNTERS: (usize, usize) = (6, 28);
const SLOTS: (usize, usize) = (6, 32);
const BUCKETS: (usize, usize) = (10, 129);
const WINDOWS: (usize, usize) = (10, 135);
