//! A server that runs out of memory, by each of its policies, and one that keeps everything on disk.

use std::time::Duration;

use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::{RedisStore, RedisStoreBuilder};
use limiter_core::{Limiter, OnStoreError, Policy, Rule, Source};
use tests::redis::{self, Server};

use super::load::{DEADLINE, Load};
use super::{ALONE, Hiccups, ask, now};

/// What one key may take, as good as at once.
const BURST: u64 = 20;

fn at(server: &Server) -> RedisStoreBuilder {
    RedisStore::builder(server.url()).fleet(FleetOptions::new().deadline(DEADLINE))
}

/// As long as anybody may think: a debug build on a busy machine is slow with many thousands at once.
async fn patient(server: &Server) -> Limiter {
    let fleet = FleetOptions::new().nodes(1).without_denial_cache().deadline(Duration::from_secs(20));
    Limiter::builder().store(RedisStore::builder(server.url()).fleet(fleet).connect().await.unwrap()).build()
}

fn policy(choice: OnStoreError) -> Policy {
    let rule = Rule::new(format!("{BURST}/day").parse().unwrap()).on_store_error(choice);
    Policy::new(format!("memory-{choice:?}").to_lowercase(), [rule]).unwrap()
}

async fn info(server: &Server, field: &str) -> u64 {
    let info: String = server.command("INFO").await;
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.unwrap().trim().parse().unwrap()
}

/// Leaves so many bytes for keys.
async fn leave(server: &Server, bytes: u64) {
    let used = info(server, "used_memory").await;
    server.command::<String>(&format!("CONFIG SET maxmemory {}", used + bytes)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_evicted_has_one_burst_more_and_nothing_else_fails() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let policies = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random"];
    for evicts in policies.into_iter().chain(["volatile-ttl"]) {
        let server = Server::start(&["--maxmemory-policy", evicts]).await;
        let (limiter, policy) = (patient(&server).await, policy(OnStoreError::Closed));
        let mut watched = server.connection().await;
        let mut admitted = 0;
        for _ in 0..BURST + 5 {
            admitted += u64::from(ask(&limiter, &policy, 0, 1).await.decision.is_allowed());
        }
        assert_eq!(admitted, BURST);
        let keys: Vec<String> = server.command("KEYS *").await;
        let [hot] = keys.as_slice() else { panic!("{keys:?}") };
        leave(&server, 200_000).await;
        // Others, one round after the other; each of them has used a single unit.
        let (mut lost, mut next) = (0, 1);
        for _ in 0..8 {
            // Few at a time: what is under way takes memory as well.
            for _ in 0..20 {
                let others: Vec<_> = (next..next + 25).map(|key| ask(&limiter, &policy, key, 1)).collect();
                next += 25;
                for ruling in futures_util::future::join_all(others).await {
                    assert_eq!(ruling.decision.source(), Source::Store, "{evicts}");
                    assert!(ruling.decision.is_allowed(), "{evicts}: nobody has asked for that key before");
                }
            }
            let evicted = info(&server, "evicted_keys").await;
            let there: u64 = ::redis::cmd("EXISTS").arg(hot).query_async(&mut watched).await.unwrap();
            let mut again = 0;
            for _ in 0..BURST + 5 {
                again += u64::from(ask(&limiter, &policy, 0, 1).await.decision.is_allowed());
            }
            let meanwhile = u64::from(info(&server, "evicted_keys").await > evicted);
            assert!(again <= BURST * (1 - there + meanwhile), "{evicts}: {again}, {there} there, {meanwhile} lost");
            (lost, admitted) = (lost + 1 - there + meanwhile, admitted + again);
        }
        assert!(info(&server, "evicted_keys").await > 500, "{evicts}");
        if evicts == "volatile-ttl" {
            // What is nearest to full goes first: those who used much are not forgotten for those who did not.
            assert_eq!(admitted, BURST, "{lost} losses");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_memory_each_rule_says_what_happens_to_those_who_would_have_passed() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let hiccups = Hiccups::watch();
    let choices = [
        (OnStoreError::Open, Source::Open, 2 * BURST),
        (OnStoreError::Closed, Source::Closed, 0),
        (OnStoreError::Local, Source::Local, BURST),
    ];
    for (choice, source, expected) in choices {
        let limiter = Limiter::builder().store(at(&server).connect().await.unwrap()).build();
        let policy = policy(choice);
        assert_eq!(ask(&limiter, &policy, 1, BURST).await.decision.source(), Source::Store);
        server.command::<String>("CONFIG SET maxmemory 1").await;
        // Who has nothing left is still told so by the store.
        let spent = ask(&limiter, &policy, 1, 1).await.decision;
        assert!(!spent.is_allowed() && !spent.is_degraded(), "{:?}", spent.source());
        let mut admitted = 0;
        for _ in 0..2 * BURST {
            let began = now();
            let decision = ask(&limiter, &policy, 2, 1).await.decision;
            assert!(began.elapsed() <= DEADLINE + hiccups.slack());
            assert_eq!(decision.source(), source);
            admitted += u64::from(decision.is_allowed());
        }
        assert_eq!(admitted, expected, "{choice:?}");
        server.command::<String>("CONFIG SET maxmemory 0").await;
        let back = now();
        let mut decision = ask(&limiter, &policy, 2, 1).await.decision;
        while decision.is_degraded() {
            assert!(back.elapsed() < Duration::from_secs(2) + hiccups.slack(), "the store stays unused");
            tokio::time::sleep(Duration::from_millis(10)).await;
            decision = ask(&limiter, &policy, 2, 1).await.decision;
        }
        // What was admitted here is charged there, of those who were counted here.
        assert_eq!(decision.is_allowed(), choice != OnStoreError::Local, "{choice:?}");
        server.command::<String>("FLUSHALL").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_comes_and_goes_under_load_keeps_to_the_bound() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let load = Load::on(&Limiter::builder().store(at(&server).connect().await.unwrap()).build());
    load.until_stored().await;
    for _ in 0..2 {
        server.command::<String>("CONFIG SET maxmemory 1").await;
        load.until_local().await;
        server.command::<String>("CONFIG SET maxmemory 0").await;
        load.until_stored().await;
    }
    load.end(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_what_it_is_told_on_disk_forgets_nothing_when_it_is_killed() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let mut server = Server::start(&["--appendonly", "yes"]).await;
    let limiter = Limiter::builder().store(at(&server).connect().await.unwrap()).build();
    let (policy, hiccups) = (policy(OnStoreError::Local), Hiccups::watch());
    let mut admitted = 0;
    for _ in 0..BURST / 2 {
        let decision = ask(&limiter, &policy, 1, 1).await.decision;
        assert_eq!(decision.source(), Source::Store);
        admitted += u64::from(decision.is_allowed());
    }
    for round in 0..2 {
        server.kill();
        for _ in 0..BURST / 4 {
            let began = now();
            let decision = ask(&limiter, &policy, 1, 1).await.decision;
            assert!(began.elapsed() <= DEADLINE + hiccups.slack());
            assert_eq!(decision.source(), Source::Local, "{round}");
            admitted += u64::from(decision.is_allowed());
        }
        server.restart().await;
        let back = now();
        while ask(&limiter, &policy, 2, 1).await.decision.source() != Source::Store {
            assert!(back.elapsed() < Duration::from_secs(2) + hiccups.slack(), "the store stays unused");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(admitted, BURST);
    // One that has just started knows nothing but what the server has kept, the spend of the outages in it.
    let fresh = Limiter::builder().store(at(&server).connect().await.unwrap()).build();
    let mut after = Vec::new();
    for limiter in [&limiter, &fresh] {
        let decision = ask(limiter, &policy, 1, 1).await.decision;
        after.push((decision.is_allowed(), decision.is_degraded()));
    }
    assert_eq!(after, [(false, false), (false, false)]);
}
