//! How many processes share a store: they count each other.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::{RedisStore, RedisStoreBuilder};
use limiter_core::{Limiter, Policy, Rule, Source};
use tests::redis::{self, Server, until};

use super::{ALONE, Hiccups, ask, now};

const HEARTBEAT: Duration = Duration::from_millis(900);
const URL: &str = "LIMITER_TESTS_PRESENT";

fn builder(url: impl Into<String>) -> RedisStoreBuilder {
    RedisStore::builder(url).heartbeat(HEARTBEAT)
}

async fn three(url: &str) -> Vec<RedisStore> {
    let mut stores = Vec::new();
    for nodes in 1..=3 {
        let store = builder(url).connect().await.unwrap();
        assert_eq!(store.nodes(), nodes, "it knows at once");
        stores.push(store);
    }
    stores
}

fn all_see(stores: &[RedisStore], nodes: u32) -> bool {
    stores.iter().all(|store| store.nodes() == nodes)
}

/// Waits for the number, and says how long it took.
async fn until_all_see(stores: &[RedisStore], nodes: u32) -> Duration {
    let since = now();
    until("all have counted", async || all_see(stores, nodes)).await;
    since.elapsed()
}

/// One of the processes, until it is ended: run by the test below.
#[tokio::test]
#[ignore = "half of another test"]
async fn member() {
    let _store = builder(std::env::var(URL).unwrap()).connect().await.unwrap();
    core::future::pending::<()>().await;
}

fn start_member(server: &Server) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "presence::member", "--ignored"])
        .env(URL, server.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_come_are_counted_and_those_who_leave_are_not() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let (one, cluster) = (Server::start(&[]).await, Server::start_as_cluster().await);
    for url in [one.url(), format!("redis-cluster://{}", cluster.address)] {
        let hiccups = Hiccups::watch();
        let mut stores = three(&url).await;
        assert!(until_all_see(&stores, 3).await <= HEARTBEAT / 3 + hiccups.slack());
        // Clones are one, and the last of them leaves.
        let clone = stores[2].clone();
        stores.pop();
        tokio::time::sleep(HEARTBEAT / 2).await;
        assert!(all_see(&stores, 3));
        drop(clone);
        assert!(until_all_see(&stores, 2).await <= HEARTBEAT / 3 + hiccups.slack());
        // Another application at the same server.
        let other = builder(&url).namespace("other").connect().await.unwrap();
        tokio::time::sleep(HEARTBEAT / 2).await;
        assert!(other.nodes() == 1 && all_see(&stores, 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_is_counted_until_its_time_is_over() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    let stores = [builder(server.url()).connect().await.unwrap(), builder(server.url()).connect().await.unwrap()];
    let mut third = start_member(&server);
    until_all_see(&stores, 3).await;
    tokio::time::sleep(HEARTBEAT * 2).await;
    assert!(all_see(&stores, 3), "it goes on saying that it lives");
    let hiccups = Hiccups::watch();
    third.kill().unwrap();
    third.wait().unwrap();
    // Its time, and until the others count again.
    let took = until_all_see(&stores, 2).await;
    assert!(took <= HEARTBEAT + HEARTBEAT / 3 + hiccups.slack(), "{took:?}");
    assert!(took >= HEARTBEAT / 3, "{took:?}");
    let stopped = start_member(&server);
    until_all_see(&stores, 3).await;
    let signal = |signal: &str| Command::new("kill").arg(signal).arg(stopped.id().to_string()).status().unwrap();
    assert!(signal("-STOP").success());
    until_all_see(&stores, 2).await;
    assert!(signal("-CONT").success());
    until_all_see(&stores, 3).await;
    let mut stopped = stopped;
    stopped.kill().unwrap();
    stopped.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_server_the_last_known_number_makes_the_shares() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let mut server = Server::start(&[]).await;
    let stores = three(&server.url()).await;
    until_all_see(&stores, 3).await;
    let limiters: Vec<_> = stores.iter().map(|store| Limiter::builder().store(store.clone()).build()).collect();
    let policy = Policy::new("shared", [Rule::new("30/day".parse().unwrap())]).unwrap();
    server.kill();
    tokio::time::sleep(HEARTBEAT * 2).await;
    let mut admitted = 0;
    for limiter in &limiters {
        for _ in 0..15 {
            let decision = ask(limiter, &policy, 1, 1).await.decision;
            assert_eq!((decision.source(), decision.usages()[0].limit()), (Source::Local, 10));
            admitted += u32::from(decision.is_allowed());
        }
    }
    assert_eq!(admitted, 30, "one quota among all of them");
    assert!(all_see(&stores, 3));
    // A server that has forgotten them is not believed before all had time to come back.
    server.restart().await;
    let (back, mut fewest, hiccups) = (now(), u32::MAX, Hiccups::watch());
    while back.elapsed() < HEARTBEAT * 3 {
        fewest = stores.iter().map(RedisStore::nodes).fold(fewest, u32::min);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Unless this machine kept them from saying for so long that they live.
    assert!(fewest == 3 || hiccups.slack() > HEARTBEAT / 2, "{fewest}");
    assert_eq!(server.command::<Vec<String>>("KEYS *present*").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stated_holds_and_nobody_counts() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    let stated = builder(server.url()).fleet(FleetOptions::new().nodes(8)).connect().await.unwrap();
    assert_eq!(stated.nodes(), 8);
    assert_eq!(server.command::<u64>("DBSIZE").await, 0);
    stated.set_nodes(5);
    assert_eq!(stated.nodes(), 5);
    let counted = builder(server.url()).connect().await.unwrap();
    assert_eq!((counted.nodes(), server.command::<u64>("DBSIZE").await), (1, 1));
    counted.set_nodes(4);
    tokio::time::sleep(HEARTBEAT).await;
    assert_eq!(counted.nodes(), 4);
    drop(counted);
    until("nobody is left", async || server.command::<u64>("DBSIZE").await == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_from_before_the_clock_was_put_back_and_one_of_others_count_for_nothing() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    let store = builder(server.url()).connect().await.unwrap();
    let keys: Vec<String> = server.command("KEYS *present*").await;
    // From an hour ahead, and from the past.
    server.command::<u64>(&format!("ZADD {} 9999999999999 late 1 dead", keys[0])).await;
    tokio::time::sleep(HEARTBEAT).await;
    assert_eq!(store.nodes(), 1);
    server.command::<u64>(&format!("DEL {}", keys[0])).await;
    server.command::<String>(&format!("SET {} garbage", keys[0])).await;
    tokio::time::sleep(HEARTBEAT).await;
    assert_eq!((store.nodes(), server.command::<String>(&format!("GET {}", keys[0])).await), (1, "garbage".into()));
    server.command::<u64>(&format!("DEL {}", keys[0])).await;
    let another = builder(server.url()).connect().await.unwrap();
    until_all_see(&[store, another], 2).await;
}
