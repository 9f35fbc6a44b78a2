//! What the server runs, kept as functions.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params};
use limiter_core::store::redis::RedisStore;
use tests::redis::{self, Server, until};

use crate::desk;

fn bucket(quota: &str) -> Params {
    Params::new(Algorithm::Bucket, quota.parse().unwrap()).unwrap()
}

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
    let load = async |task: usize| {
        for _ in 0..100 {
            let item = desk::item(&format!("k{task}"), bucket("1000/s"), 1);
            assert!(desk::decide(&store, &[item]).await.unwrap().allowed);
        }
    };
    let flush = async {
        for _ in 0..10 {
            let _: String = server.command("FUNCTION FLUSH").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let tasks = futures_util::future::join_all((0..16).map(load));
    futures_util::future::join(tasks, flush).await;
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
