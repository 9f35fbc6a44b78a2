//! What the server runs, kept as functions.

use std::time::Duration;

use limiter_core::store::redis::RedisStore;
use tests::redis::{self, Server, until};

use crate::desk::{self, bucket};

async fn by_functions(server: &Server) -> RedisStore {
    desk::plain(server.url()).functions().deadline(Duration::from_secs(10)).connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_functions_are_loaded_again_once_and_nobody_notices() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = by_functions(&server).await;
    desk::ask_while(&server, &store, "FUNCTION FLUSH").await;
    let loads = store.stats().loads;
    assert!((1..=11).contains(&loads), "{loads} loads for 10 flushes");
}

#[tokio::test]
async fn whoever_is_promoted_has_them_already() {
    if !redis::there() {
        return;
    }
    let primary = Server::start(&[]).await;
    let store = by_functions(&primary).await;
    let item = desk::item("k", bucket("1/h"), 1);
    assert!(desk::decide(&store, std::slice::from_ref(&item)).await.unwrap().allowed);
    assert_eq!(store.stats().loads, 1);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &primary.address.port().to_string()]).await;
    until("the replica has the key", async || replica.command::<u64>("DBSIZE").await == 1).await;
    let _: String = replica.command("REPLICAOF NO ONE").await;
    let store = by_functions(&replica).await;
    assert!(!desk::decide(&store, &[item]).await.unwrap().allowed);
    assert_eq!(store.stats().loads, 0);
}

#[tokio::test]
async fn a_server_without_memory_runs_none_of_them() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let store = by_functions(&server).await;
    let item = desk::item("spent", bucket("1/h"), 1);
    assert!(desk::decide(&store, std::slice::from_ref(&item)).await.unwrap().allowed);
    let _: String = server.command("CONFIG SET maxmemory 1").await;
    assert!(desk::decide(&store, std::slice::from_ref(&item)).await.is_err());
    let _: String = server.command("CONFIG SET maxmemory 0").await;
    assert!(!desk::decide(&store, &[item]).await.unwrap().allowed);
}
