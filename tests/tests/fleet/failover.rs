//! Replicas take over: one that lags behind, those of a cluster, one that sentinels name.

use std::time::Duration;

use limiter_core::store::redis::RedisStore;
use limiter_core::{Limiter, Policy, Rule, Source};
use tests::redis::{self, Cluster, Sentinels, Server};
use tests::tcp_proxy::{Line, Proxy};

use super::{ALONE, Hiccups, ask, now};

const BURST: u64 = 300;
const RATE: u64 = 1_000;
const LAG: Duration = Duration::from_millis(100);

/// What is admitted in a while by as many as ask at the same time.
async fn admitted(limiter: &Limiter, policy: &Policy, during: Duration) -> u64 {
    let (began, mut admitted) = (now(), 0);
    while began.elapsed() < during {
        let asked: Vec<_> = (0..16)
            .map(|_| {
                let (limiter, policy) = (limiter.clone(), policy.clone());
                tokio::spawn(async move { ask(&limiter, &policy, 1, 1).await.decision.is_allowed() })
            })
            .collect();
        for one in asked {
            admitted += u64::from(one.await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_lets_through_no_more_than_a_burst_and_what_the_replica_had_not_heard_of() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let (mut primary, replica) = (Server::start(&[]).await, Server::start(&[]).await);
    let line = Proxy::before(primary.address).await;
    replica.command::<String>(&format!("REPLICAOF {} {}", line.address.ip(), line.address.port())).await;
    redis::until("the replica follows", async || {
        replica.command::<String>("INFO replication").await.contains("master_link_status:up")
    })
    .await;
    line.set(Line::Delayed(LAG));
    let policy = Policy::new("failover", [Rule::new(format!("{RATE}/s burst {BURST}").parse().unwrap())]).unwrap();
    let first = Limiter::builder().store(RedisStore::connect(primary.url()).await.unwrap()).build();
    let began = now();
    let before = admitted(&first, &policy, Duration::from_secs(1)).await;
    primary.kill();
    replica.command::<String>("REPLICAOF NO ONE").await;
    let second = Limiter::builder().store(RedisStore::connect(replica.url()).await.unwrap()).build();
    let after = admitted(&second, &policy, Duration::from_millis(500)).await;
    let promised = BURST + RATE * began.elapsed().as_millis() as u64 / 1_000;
    let lost = BURST + RATE * LAG.as_millis() as u64 / 1_000;
    assert!(before + after <= promised + lost, "{before} + {after} > {promised} + {lost}");
    assert!(before >= RATE / 2 && after >= RATE / 10, "{before} and {after}");
}

const KEYS: u64 = 60;

/// Asks for every key until the store decides about all of them; nobody is refused or waits meanwhile. How
/// many keys were decided about without the store in the first round.
async fn until_all_are_stored(limiter: &Limiter, policy: &Policy, within: Duration) -> usize {
    let (began, mut first, hiccups) = (now(), None, Hiccups::watch());
    loop {
        let mut local = 0;
        for key in 0..KEYS {
            let asked = now();
            let decision = ask(limiter, policy, key, 1).await.decision;
            assert!(asked.elapsed() <= Duration::from_millis(50) + hiccups.slack(), "{:?}", asked.elapsed());
            assert!(decision.is_allowed(), "{:?}", decision.source());
            local += usize::from(decision.source() != Source::Store);
        }
        first = first.or(Some(local));
        if local == 0 {
            return first.unwrap_or(0);
        }
        assert!(began.elapsed() < within, "{local} keys are still without a store, of {first:?} at first");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_of_a_cluster_that_is_killed_or_stands_still_takes_no_other_keys_with_it() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let mut cluster = Cluster::start().await;
    for server in &cluster.servers {
        // Slots that somebody holds are served while others have no holder.
        server.command::<String>("CONFIG SET cluster-require-full-coverage no").await;
        redis::until("replicas have what they need to take over", async || {
            let info = server.command::<String>("INFO replication").await;
            info.contains("role:master") || info.contains("master_link_status:up")
        })
        .await;
    }
    let store = RedisStore::connect(cluster.url()).await.unwrap();
    let limiter = Limiter::builder().store(store).build();
    let policy = Policy::new("cluster", [Rule::new("1000000/h".parse().unwrap())]).unwrap();
    let patience = Duration::from_secs(20);
    until_all_are_stored(&limiter, &policy, patience).await;
    cluster.servers[0].kill();
    let lost = until_all_are_stored(&limiter, &policy, patience).await;
    assert!(lost > 0 && lost < KEYS as usize * 2 / 3, "{lost} of {KEYS} keys were without a store");
    cluster.servers[1].signal("-STOP");
    let lost = until_all_are_stored(&limiter, &policy, patience).await;
    cluster.servers[1].signal("-CONT");
    assert!(lost > 0 && lost < KEYS as usize * 2 / 3, "{lost} of {KEYS} keys were without a store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_that_sentinels_name_next_is_used_and_nobody_waits_for_it() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let mut all = Sentinels::start().await;
    let limiter = Limiter::builder().store(RedisStore::connect(all.url()).await.unwrap()).build();
    let policy = Policy::new("sentinel", [Rule::new("1000000/h".parse().unwrap())]).unwrap();
    until_all_are_stored(&limiter, &policy, Duration::from_secs(10)).await;
    all.primary.kill();
    assert!(until_all_are_stored(&limiter, &policy, Duration::from_secs(20)).await > 0);
    assert!(all.replica.command::<i64>("DBSIZE").await > 0);
}
