//! A replica that lags behind takes over.

use std::time::Duration;

use limiter_core::store::redis::RedisStore;
use limiter_core::{Limiter, Policy, Rule};
use tests::redis::{self, Server};
use tests::tcp_proxy::{Line, Proxy};

use super::{ask, now};

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
