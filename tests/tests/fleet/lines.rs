//! What networks do to the connection.

use std::sync::Arc;
use std::time::Duration;

use limiter_core::store::front::FleetOptions;
use limiter_core::store::memcached::MemcachedStore;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Algorithm, Limiter, Policy, Rule, Source};
use tests::memcached::Memcached;
use tests::redis::{self, Server};
use tests::tcp_proxy::{Line, Proxy};

use super::{ALONE, Hiccups, ask, now};

/// Each key asks for a cost of its own, a prime: an answer that belongs to another key shows.
const COSTS: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
const LINES: [Line; 10] = [
    Line::Delayed(Duration::from_millis(5)),
    Line::Jittered(Duration::from_millis(20)),
    Line::Dribbling,
    Line::HalfClosed(7),
    Line::Delayed(Duration::from_millis(80)),
    Line::Truncated(3),
    Line::BlackHole,
    Line::Reset(5),
    Line::Reset(0),
    Line::Clear,
];
const CAPACITY: u64 = 1_000_000;

/// Asks by all keys at once while the line goes from bad to worse.
async fn endure(limiter: Limiter, proxy: &Proxy, deadline: Duration) {
    let rule = Rule::new(format!("{CAPACITY}/day").parse().unwrap()).algorithm(Algorithm::Fixed);
    let policy = Policy::new("lines", [rule]).unwrap();
    let hiccups = Arc::new(Hiccups::watch());
    for line in LINES {
        proxy.set(Line::Clear);
        back_in_use(&limiter, &policy, &hiccups).await;
        let asking = COSTS.map(|cost| {
            let (limiter, policy, hiccups) = (limiter.clone(), policy.clone(), Arc::clone(&hiccups));
            tokio::spawn(async move {
                let (mut stored, mut used) = (0, 0);
                for turn in 0..40 {
                    let began = now();
                    let asked = ask(&limiter, &policy, cost, cost);
                    // Some go away while they wait.
                    let ruling = if turn % 7 == 3 {
                        let patience = Duration::from_micros(turn * 97);
                        match tokio::time::timeout(patience, asked).await {
                            Ok(ruling) => ruling,
                            Err(_) => continue,
                        }
                    } else {
                        asked.await
                    };
                    let took = began.elapsed();
                    assert!(took <= deadline + hiccups.slack(), "{line:?}: {took:?}");
                    assert!(ruling.decision.is_allowed(), "{line:?}");
                    if ruling.decision.source() == Source::Store {
                        let now_used = CAPACITY - ruling.decision.usages()[0].remaining();
                        assert_eq!(now_used % cost, 0, "{line:?}: an answer of another key");
                        assert!(now_used > used, "{line:?}: an older answer: {now_used} after {used}");
                        (stored, used) = (stored + 1, now_used);
                    } else {
                        assert_eq!(ruling.decision.source(), Source::Local, "{line:?}");
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                stored
            })
        });
        // In the middle of it.
        tokio::time::sleep(Duration::from_millis(40)).await;
        proxy.set(line);
        let mut stored = 0;
        for one in asking {
            stored += one.await.unwrap();
        }
        let served = matches!(line, Line::Clear | Line::Dribbling | Line::Jittered(_));
        let least = if !hiccups.none() {
            0
        } else if served {
            300
        } else {
            20
        };
        assert!(stored > least, "{line:?}: only {stored} decisions of the store");
    }
    proxy.set(Line::Clear);
    back_in_use(&limiter, &policy, &hiccups).await;
    assert!(proxy.connections() > 5, "{} connections", proxy.connections());
}

/// The line is clear: within two seconds the store is asked again.
async fn back_in_use(limiter: &Limiter, policy: &Policy, hiccups: &Hiccups) {
    let began = now();
    while ask(limiter, policy, 2, 2).await.decision.source() != Source::Store {
        assert!(began.elapsed() < Duration::from_secs(2) + hiccups.slack(), "the store stays unused");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_redis_no_answer_is_taken_for_another_and_none_is_waited_for_too_long() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(server.address).await;
    let url = format!("redis://{}", proxy.address);
    let store = RedisStore::builder(url).connect().await.unwrap();
    endure(Limiter::builder().store(store).build(), &proxy, Duration::from_millis(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_at_memcached() {
    let Some(server) = Memcached::start(&[]) else { return };
    let _alone = ALONE.lock().await;
    let proxy = Proxy::before(server.address).await;
    let builder = MemcachedStore::builder().fleet(FleetOptions::new());
    let store = builder.connect([proxy.address.to_string()]).await.unwrap();
    endure(Limiter::builder().store(store).build(), &proxy, Duration::from_millis(50)).await;
}
