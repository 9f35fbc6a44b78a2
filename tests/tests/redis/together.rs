//! Questions that come while others are under way are put to the server in one call: each is answered as if it had been
//! asked by itself.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params, Verdict};
use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::RedisStore;
use limiter_core::store::{Decided, Item, StoreError};
use tests::redis::{self, Cluster, Server};

use crate::desk;

const DAY: [(Algorithm, &str); 7] = [
    (Algorithm::Bucket, "8/day"),
    // An interval that is no whole number of microseconds.
    (Algorithm::Bucket, "7/day burst 8"),
    (Algorithm::Fixed, "8/day"),
    (Algorithm::Fixed, "8/day aligned"),
    (Algorithm::Interval, "8/day"),
    (Algorithm::Sliding, "8/day"),
    (Algorithm::Log, "8/day"),
];

/// Without a breaker too: errors are what is looked for.
fn bare() -> FleetOptions {
    FleetOptions::bare().deadline(Duration::from_secs(10))
}

async fn patient(url: String) -> RedisStore {
    RedisStore::builder(url).fleet(bare()).connect().await.unwrap()
}

fn params((algorithm, quota): (Algorithm, &str)) -> Params {
    Params::new(algorithm, quota.parse().unwrap()).unwrap()
}

/// All are under way before the first is answered.
async fn at_once(store: &RedisStore, items: &[Item]) -> Vec<Result<Decided, StoreError>> {
    let asked: Vec<_> = items.iter().map(|item| desk::decide(store, std::slice::from_ref(item))).collect();
    futures_util::future::join_all(asked).await
}

/// What does not depend on the instant.
fn gist(item: &Item, told: &Result<Decided, StoreError>) -> Option<(bool, u64, bool)> {
    let decided = told.as_ref().ok()?;
    let (reply, now) = (decided.items[0], decided.now.unwrap());
    let later = matches!(reply.verdict, Verdict::Deny { retry: Some(wait) } if Duration::from(wait) > Duration::ZERO);
    Some((decided.allowed, item.params.remaining(reply.state, now), later))
}

async fn calls(server: &Server) -> u64 {
    let info: String = server.command("INFO commandstats").await;
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

// One thread: all questions are asked before any is sent.
#[tokio::test]
async fn each_is_told_what_it_would_be_told_alone() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = patient(server.url()).await;
    for kind in &DAY {
        let item = |who: &str, n: u64| desk::item(&format!("{kind:?} {who} {n}"), params(*kind), n % 10);
        let ones = |who| (0..100).map(|n| item(who, n)).collect::<Vec<_>>();
        // Costs of nothing and of more than there ever is go the long way.
        let (together, alone) = (ones("together"), ones("alone"));
        for round in 0..3 {
            let before = calls(&server).await;
            let told = at_once(&store, &together).await;
            let taken = calls(&server).await - before;
            assert!(taken < 60, "{taken} calls for {} questions", together.len());
            for (n, (item, told)) in alone.iter().zip(&told).enumerate() {
                let by_itself = desk::decide(&store, std::slice::from_ref(item)).await;
                assert_eq!(gist(item, told), gist(item, &by_itself), "{kind:?} {round} {n}");
                assert!(by_itself.is_ok());
            }
        }
    }
}

#[tokio::test]
async fn one_key_many_times_at_once_is_charged_as_often_as_it_has_units() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = patient(server.url()).await;
    for kind in &DAY {
        let items = vec![desk::item(&format!("{kind:?}"), params(*kind), 2); 100];
        let told = at_once(&store, &items).await;
        assert_eq!(told.iter().filter(|told| told.as_ref().unwrap().allowed).count(), 4, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_one_key_is_nothing_to_the_others() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = patient(server.url()).await;
    for kind in &DAY {
        let items: Vec<_> = (0..60).map(|n| desk::item(&format!("{kind:?} {n}"), params(*kind), 1)).collect();
        for told in at_once(&store, &items).await {
            assert!(told.unwrap().allowed);
        }
        let mut keys: Vec<String> = server.command("KEYS *").await;
        keys.sort();
        let broken: Vec<_> = keys.iter().step_by(10).collect();
        for (n, key) in broken.iter().enumerate() {
            server.command::<u64>(&format!("DEL {key}")).await;
            match n % 2 {
                0 => _ = server.command::<u64>(&format!("RPUSH {key} x")).await,
                _ => _ = server.command::<String>(&format!("SET {key} garbage")).await,
            }
        }
        let told = at_once(&store, &items).await;
        assert_eq!(told.iter().filter(|told| told.is_err()).count(), broken.len(), "{kind:?}");
        for told in told.into_iter().flatten() {
            assert!(told.allowed, "{kind:?}");
        }
        let _: String = server.command("FLUSHALL").await;
    }
    assert_eq!(store.stats().foreign, DAY.len() as u64 * 6);
}

#[tokio::test]
async fn without_memory_those_who_have_nothing_left_are_told_so_and_nobody_is_charged() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let store = patient(server.url()).await;
    for kind in &DAY {
        let item = |who: &str, n: u64| desk::item(&format!("{kind:?} {who} {n}"), params(*kind), 8);
        let spent: Vec<_> = (0..30).map(|n| item("spent", n)).collect();
        let fresh: Vec<_> = (0..30).map(|n| item("fresh", n)).collect();
        at_once(&store, &spent).await;
        let _: String = server.command("CONFIG SET maxmemory 1").await;
        let mixed: Vec<_> = spent.iter().zip(&fresh).flat_map(|(one, other)| [one.clone(), other.clone()]).collect();
        for (n, told) in at_once(&store, &mixed).await.iter().enumerate() {
            assert_eq!(
                told.as_ref().ok().map(|decided| decided.allowed),
                (n % 2 == 0).then_some(false),
                "{kind:?} {n}"
            );
        }
        let _: String = server.command("CONFIG SET maxmemory 0").await;
        for told in at_once(&store, &fresh).await {
            assert!(told.unwrap().allowed, "{kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_them_apart_unless_they_share_a_tag() {
    if !redis::there() {
        return;
    }
    let cluster = Cluster::start().await;
    let plain = || RedisStore::builder(cluster.url()).fleet(bare());
    for store in [plain().connect().await.unwrap(), plain().shared_tag("all").connect().await.unwrap()] {
        for kind in &DAY {
            let items: Vec<_> = (0..100).map(|n| desk::item(&format!("{n}"), params(*kind), 5)).collect();
            for expected in [true, false] {
                for told in at_once(&store, &items).await {
                    assert_eq!(told.unwrap().allowed, expected, "{kind:?}");
                }
            }
            for server in &cluster.servers {
                let _ = ::redis::cmd("FLUSHALL").query_async::<String>(&mut server.connection().await).await;
            }
        }
    }
}
