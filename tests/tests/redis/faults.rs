//! Servers that fail, for real: the deadline holds, errors are errors, and the store is used again soon
//! after the server is back.

use std::time::Duration;

use limiter_core::algorithm::Params;
use limiter_core::store::Decided;
use limiter_core::store::redis::RedisStore;
use tests::redis::{self, Server, until};
use tokio::time::Instant;

use crate::desk::{self, bucket};

const DEADLINE: Duration = Duration::from_millis(50);
/// A busy machine wakes tasks late.
const LATE: Duration = Duration::from_millis(400);

async fn store(server: &Server) -> RedisStore {
    desk::plain(server.url()).deadline(DEADLINE).connect().await.unwrap()
}

async fn patient(server: &Server) -> RedisStore {
    desk::plain(server.url()).deadline(Duration::from_secs(10)).connect().await.unwrap()
}

/// One decision, which must end in time one way or the other.
async fn in_time(store: &RedisStore, key: &str, params: Params) -> Option<Decided> {
    let asked = Instant::now();
    let answer = desk::decide(store, &[desk::item(key, params, 1)]).await;
    assert!(asked.elapsed() < DEADLINE + LATE, "an answer took {:?}", asked.elapsed());
    answer.ok()
}

/// Uses the store again, within two seconds of the server being there.
async fn back_in_use(store: &RedisStore) {
    let since = Instant::now();
    until("the store is used again", async || in_time(store, "again", bucket("1000/s")).await.is_some()).await;
    assert!(since.elapsed() < Duration::from_secs(2) + LATE, "it took {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_scripts_are_loaded_again_once_and_nobody_notices() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = patient(&server).await;
    desk::ask_while(&server, &store, "SCRIPT FLUSH").await;
    let loads = store.stats().loads;
    assert!((2..=11).contains(&loads), "{loads} loads for 10 flushes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_keys_on_a_server_without_scripts_loads_once() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = desk::plain(server.url()).deadline(Duration::from_secs(60)).connect().await.unwrap();
    for (loads, keys) in [(1, 100_000), (2, 5_000)] {
        // All of them are under way before the first is answered.
        let asked: Vec<_> =
            (0..keys).map(|n| desk::decide(&store, &[desk::item(&format!("k{n}"), bucket("2/day"), 1)])).collect();
        for answer in asked {
            assert!(answer.await.unwrap().allowed);
        }
        assert_eq!(store.stats().loads, loads);
        let _: String = server.command("SCRIPT FLUSH").await;
    }
    assert_eq!(server.command::<u64>("DBSIZE").await, 100_000);
    assert_eq!((store.stats().timeouts, store.stats().connections), (0, 1));
}

#[tokio::test]
async fn a_server_without_memory_fails_what_writes_and_answers_what_refuses() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let store = patient(&server).await;
    let (spent, fresh) = (desk::item("spent", bucket("1/h"), 1), desk::item("fresh", bucket("1/h"), 1));
    assert!(desk::decide(&store, std::slice::from_ref(&spent)).await.unwrap().allowed);
    let _: String = server.command("CONFIG SET maxmemory 1").await;
    assert!(!desk::decide(&store, std::slice::from_ref(&spent)).await.unwrap().allowed);
    assert!(desk::decide(&store, std::slice::from_ref(&fresh)).await.is_err());
    let _: String = server.command("CONFIG SET maxmemory 0").await;
    assert!(desk::decide(&store, std::slice::from_ref(&fresh)).await.unwrap().allowed, "nothing was charged");
}

#[tokio::test]
async fn a_replica_is_no_place_to_charge_and_is_left_when_it_is_promoted() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = store(&server).await;
    back_in_use(&store).await;
    let _: String = server.command("REPLICAOF 127.0.0.1 1").await;
    for _ in 0..5 {
        assert!(in_time(&store, "k", bucket("1000/s")).await.is_none());
    }
    let _: String = server.command("REPLICAOF NO ONE").await;
    back_in_use(&store).await;
}

#[tokio::test]
async fn a_killed_server_is_an_error_at_once_and_used_again_when_it_is_back() {
    if !redis::there() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let store = store(&server).await;
    back_in_use(&store).await;
    server.kill();
    for _ in 0..20 {
        assert!(in_time(&store, "k", bucket("1000/s")).await.is_none());
    }
    assert!(!store.is_connected());
    server.restart().await;
    back_in_use(&store).await;
}

#[tokio::test]
async fn a_server_that_stands_still_costs_no_more_than_the_deadline_and_what_it_was_sent() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = store(&server).await;
    let limit = bucket("100/h");
    assert!(in_time(&store, "k", limit).await.is_some());
    server.signal("-STOP");
    let mut abandoned = 0;
    for _ in 0..10 {
        abandoned += u64::from(in_time(&store, "k", limit).await.is_none());
    }
    assert_eq!(abandoned, 10);
    // After three calls without an answer nothing is sent any more.
    assert!(store.stats().timeouts <= 4, "{:?}", store.stats());
    server.signal("-CONT");
    back_in_use(&store).await;
    let peek = limiter_core::store::Item { mode: limiter_core::store::Mode::Peek, ..desk::item("k", limit, 0) };
    let decided = desk::decide(&store, &[peek]).await.unwrap();
    let left = limit.remaining(decided.items[0].state, decided.now.unwrap());
    assert!((99 - abandoned..=99).contains(&left), "{left} left after {abandoned} calls without an answer");
}

#[tokio::test]
async fn a_pause_of_writes_is_an_error_that_ends_with_it() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = store(&server).await;
    back_in_use(&store).await;
    let _: String = server.command("CLIENT PAUSE 400 WRITE").await;
    assert!(in_time(&store, "k", bucket("1000/s")).await.is_none());
    tokio::time::sleep(Duration::from_millis(400)).await;
    back_in_use(&store).await;
}

#[tokio::test]
async fn a_script_that_never_ends_is_an_error_until_it_is_killed() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&["--busy-reply-threshold", "20"]).await;
    let store = store(&server).await;
    back_in_use(&store).await;
    let mut other = server.connection().await;
    let endless = tokio::spawn(async move {
        let answer: Result<i64, _> = ::redis::cmd("EVAL").arg("while true do end").arg(0).query_async(&mut other).await;
        answer.is_err()
    });
    until("the script runs", async || in_time(&store, "k", bucket("1000/s")).await.is_none()).await;
    for _ in 0..5 {
        assert!(in_time(&store, "k", bucket("1000/s")).await.is_none());
    }
    let _: String = server.command("SCRIPT KILL").await;
    assert!(endless.await.unwrap());
    back_in_use(&store).await;
}

#[tokio::test]
async fn an_application_starts_without_its_server_and_uses_it_once_it_is_there() {
    if !redis::there() {
        return;
    }
    let mut server = Server::start(&[]).await;
    server.kill();
    assert!(RedisStore::connect(server.url()).await.is_err());
    let store = desk::plain(server.url()).deadline(DEADLINE).without_waiting().connect().await.unwrap();
    assert!(in_time(&store, "k", bucket("1/s")).await.is_none());
    server.restart().await;
    back_in_use(&store).await;
}
