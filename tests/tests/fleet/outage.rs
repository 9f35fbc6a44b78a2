//! A server is killed under load, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Limiter, Policy, Rule, Source};
use tests::redis::{self, Server};

use super::{ALONE, Hiccups, ask, now};

const DEADLINE: Duration = Duration::from_millis(50);
const BURST: u64 = 200;
const RATE: u64 = 400;

#[derive(Default)]
struct Seen {
    admitted: AtomicU64,
    by_store: AtomicU64,
    slowest: AtomicU64,
    over: AtomicBool,
}

/// Asks without end, as fast as it may.
async fn load(limiter: Limiter, policy: Policy, seen: Arc<Seen>) {
    while !seen.over.load(Ordering::SeqCst) {
        let began = now();
        let decision = ask(&limiter, &policy, 1, 1).await.decision;
        seen.slowest.fetch_max(began.elapsed().as_millis() as u64, Ordering::SeqCst);
        assert!(matches!(decision.source(), Source::Store | Source::DenialCache | Source::Local));
        seen.admitted.fetch_add(u64::from(decision.is_allowed()), Ordering::SeqCst);
        seen.by_store.fetch_add(u64::from(decision.source() == Source::Store), Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_delays_nobody_and_lets_through_no_more_than_the_bound() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let mut server = Server::start(&[]).await;
    let nodes = 2;
    let quota = format!("{RATE}/s burst {BURST}");
    let policy = Policy::new("load", [Rule::new(quota.parse().unwrap())]).unwrap();
    let hiccups = Hiccups::watch();
    let (seen, mut tasks) = (Arc::new(Seen::default()), Vec::new());
    let began = now();
    for _ in 0..nodes {
        let fleet = FleetOptions::new().nodes(nodes).deadline(DEADLINE);
        let store = RedisStore::builder(server.url()).fleet(fleet).connect().await.unwrap();
        let limiter = Limiter::builder().store(store).build();
        for _ in 0..8 {
            tasks.push(tokio::spawn(load(limiter.clone(), policy.clone(), Arc::clone(&seen))));
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut outages = 0;
    for signal in [None, Some("-STOP")] {
        match signal {
            None => server.kill(),
            Some(signal) => server.signal(signal),
        }
        outages += 1;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        match signal {
            None => server.restart().await,
            Some(_) => server.signal("-CONT"),
        }
        let (back, before) = (now(), seen.by_store.load(Ordering::SeqCst));
        // Those that were under way when it stopped may still be answered.
        while seen.by_store.load(Ordering::SeqCst) < before + 50 {
            assert!(back.elapsed() < Duration::from_secs(2) + hiccups.slack(), "the store stays unused");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    seen.over.store(true, Ordering::SeqCst);
    let elapsed = began.elapsed();
    for task in tasks {
        task.await.expect("no request fails");
    }
    let slowest = Duration::from_millis(seen.slowest.load(Ordering::SeqCst));
    assert!(slowest <= DEADLINE + hiccups.slack(), "{slowest:?}");
    let promised = BURST + RATE * (elapsed.as_millis() as u64 + 50) / 1_000;
    // A restart loses what was counted: one burst. Each outage hands out a share each, at most a burst.
    let bound = promised + BURST + outages * BURST;
    let admitted = seen.admitted.load(Ordering::SeqCst);
    assert!(admitted <= bound, "{admitted} > {bound}");
    assert!(admitted * 10 >= promised * 5, "{admitted} of {promised}");
}
