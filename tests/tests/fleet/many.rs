//! Several keys asked about at once: one round trip to each server.

use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::front::FleetOptions;
use limiter_core::store::memcached::MemcachedStore;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Algorithm, Limiter, Policy, Reply, Rule, Ruling, Source};
use tests::memcached::Memcached;
use tests::redis::{self, Cluster, Server};
use tests::tcp_proxy::{Line, Proxy};

use super::{ALONE, now};

const KEYS: u64 = 200;
const CAPACITY: u64 = 1_000;
/// One way of a line that makes round trips show.
const FAR: Duration = Duration::from_millis(20);

fn fleet() -> FleetOptions {
    FleetOptions::new().nodes(1).deadline(Duration::from_secs(20))
}

fn policy() -> Policy {
    Policy::new("many", [Rule::new(format!("{CAPACITY}/day").parse().unwrap()).algorithm(Algorithm::Fixed)]).unwrap()
}

async fn many(limiter: &Limiter, asked: &[(Key, u64)]) -> Vec<Ruling> {
    match limiter.decide_keys(&policy(), asked.iter().map(|(key, cost)| (key, *cost))) {
        Reply::Now(rulings) => rulings,
        Reply::Later(rulings) => rulings.await,
    }
}

/// Asks for as many keys as there are, three times over, each at a cost of its own; every tenth is too much.
async fn ask_all(limiter: &Limiter) {
    let cost = |key: u64| if key % 10 == 9 { CAPACITY + 1 } else { key + 1 };
    let asked: Vec<_> = (0..KEYS).map(|key| (Key::from(key), cost(key))).collect();
    for round in 1..=3 {
        let rulings = many(limiter, &asked).await;
        assert_eq!(rulings.len(), asked.len());
        for ((key, ruling), (_, cost)) in (0..).zip(&rulings).zip(&asked) {
            let decision = &ruling.decision;
            assert_eq!((decision.source(), decision.is_degraded()), (Source::Store, false), "{key}");
            let passes = *cost <= CAPACITY;
            assert_eq!(decision.is_allowed(), passes, "{key} in round {round}");
            let left = if passes { CAPACITY - round * cost } else { CAPACITY };
            assert_eq!(decision.usages()[0].remaining(), left, "{key}: the answer of another key");
        }
    }
}

async fn reads(server: &Server) -> u64 {
    let info: String = server.command("INFO stats").await;
    let line = info.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
    line.unwrap().trim().parse().unwrap()
}

// One thread: all questions are asked before any is sent.
#[tokio::test]
async fn at_redis_they_travel_in_one_pipeline() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    let store = RedisStore::builder(server.url()).fleet(fleet()).connect().await.unwrap();
    let limiter = Limiter::builder().store(store).build();
    // Scripts are loaded when they are first needed.
    for cost in [1, CAPACITY + 1] {
        many(&limiter, &[(Key::from("first"), cost)]).await;
    }
    let before = reads(&server).await;
    ask_all(&limiter).await;
    let reads = reads(&server).await - before;
    assert!(reads <= 60, "{reads} reads for {} questions", KEYS * 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_each_server_is_asked_about_its_own_keys_at_the_same_time() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let cluster = Cluster::start().await;
    let store = RedisStore::builder(cluster.url()).fleet(fleet()).connect().await.unwrap();
    ask_all(&Limiter::builder().store(store).build()).await;
    let mut keys = 0;
    for primary in &cluster.servers[..3] {
        let here: u64 = primary.command("DBSIZE").await;
        assert!(here > KEYS / 10, "every primary has its share");
        keys += here;
    }
    // What was never charged was never written.
    assert_eq!(keys, KEYS * 9 / 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_long_line_they_take_as_long_as_one() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(server.address).await;
    let url = format!("redis://{}", proxy.address);
    let limiter = Limiter::builder().store(RedisStore::builder(url).fleet(fleet()).connect().await.unwrap()).build();
    proxy.set(Line::Delayed(FAR));
    let began = now();
    ask_all(&limiter).await;
    assert!(began.elapsed() < FAR * KEYS as u32, "{:?} for {KEYS} keys, three times", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_do_at_memcached_by_every_algorithm() {
    let Some(server) = Memcached::start(&[]) else { return };
    let _alone = ALONE.lock().await;
    let proxy = Proxy::before(server.address).await;
    let store = MemcachedStore::builder().fleet(fleet()).connect([proxy.address.to_string()]).await.unwrap();
    let limiter = Limiter::builder().store(store).build();
    proxy.set(Line::Delayed(FAR));
    let began = now();
    ask_all(&limiter).await;
    assert!(began.elapsed() < FAR * KEYS as u32, "{:?} for {KEYS} keys, three times", began.elapsed());
    for algorithm in [Algorithm::Bucket, Algorithm::Interval, Algorithm::Sliding, Algorithm::Log] {
        let rule = Rule::new("2/day".parse().unwrap()).algorithm(algorithm);
        let policy = Policy::new(format!("many-{}", algorithm.name()), [rule]).unwrap();
        let keys: Vec<Key> = (0..KEYS).map(Key::from).collect();
        let began = now();
        for expected in [true, true, false] {
            let rulings = match limiter.decide_keys(&policy, keys.iter().map(|key| (key, 1))) {
                Reply::Now(rulings) => rulings,
                Reply::Later(rulings) => rulings.await,
            };
            assert!(rulings.iter().all(|ruling| ruling.decision.is_allowed() == expected), "{algorithm}");
            assert!(rulings.iter().all(|ruling| !ruling.decision.is_degraded()), "{algorithm}");
        }
        assert!(began.elapsed() < FAR * KEYS as u32, "{algorithm}: {:?}", began.elapsed());
    }
}
