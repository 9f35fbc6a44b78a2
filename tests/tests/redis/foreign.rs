//! What stands under a key that no script has written, and state that a broken clock left behind.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params};
use limiter_core::store::redis::RedisStore;
use tests::redis::{self, Server};

use crate::desk;

fn params(algorithm: Algorithm) -> Params {
    match algorithm {
        Algorithm::Concurrent => Params::concurrent(2),
        _ => Params::new(algorithm, "2/10s".parse().unwrap()).unwrap(),
    }
}

async fn store(server: &Server) -> RedisStore {
    desk::plain(server.url()).deadline(Duration::from_secs(10)).connect().await.unwrap()
}

/// The name of the only key there is.
async fn only_key(server: &Server) -> String {
    let keys: Vec<String> = server.command("KEYS *").await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].clone()
}

#[tokio::test]
async fn foreign_values_are_errors_that_are_counted_and_left_alone() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = store(&server).await;
    let mut expected = 0;
    for algorithm in Algorithm::ALL {
        let _: String = server.command("FLUSHALL").await;
        let items = [desk::item("k", params(algorithm), 1)];
        assert!(desk::decide(&store, &items).await.unwrap().allowed);
        let key = only_key(&server).await;
        let strings =
            matches!(algorithm, Algorithm::Bucket | Algorithm::Fixed | Algorithm::Interval | Algorithm::Sliding);
        let values: &[&str] = if strings {
            &[
                "garbage",
                "nan",
                "-nan",
                "inf",
                "-5",
                "9223372036854775808",
                "",
                "1.5",
                "1:2:3:4",
                "-1:-1",
                "99999999999999999999:1",
            ]
        } else {
            &["text"]
        };
        for value in values {
            let _: String =
                ::redis::cmd("SET").arg(&key).arg(*value).query_async(&mut server.connection().await).await.unwrap();
            let answer = desk::decide(&store, &items).await;
            assert!(answer.is_err(), "{algorithm} under `{value}`: {answer:?}");
            expected += 1;
            assert_eq!(store.stats().foreign, expected);
            assert_eq!(server.command::<String>(&format!("GET {key}")).await, *value);
        }
        let _: i64 = server.command(&format!("DEL {key}")).await;
        let wrong_type = if algorithm == Algorithm::Log { "SADD" } else { "LPUSH" };
        let _: i64 = server.command(&format!("{wrong_type} {key} garbage")).await;
        assert!(desk::decide(&store, &items).await.is_err(), "{algorithm}");
        expected += 1;
        assert_eq!(store.stats().foreign, expected);
        // Others are decided about as before.
        assert!(desk::decide(&store, &[desk::item("other", params(algorithm), 1)]).await.unwrap().allowed);
    }
}

#[tokio::test]
async fn a_key_that_lost_its_time_to_live_gets_another_even_when_it_refuses() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = store(&server).await;
    for algorithm in Algorithm::ALL {
        let _: String = server.command("FLUSHALL").await;
        let items = [desk::item("k", params(algorithm), 2)];
        assert!(desk::decide(&store, &items).await.unwrap().allowed);
        let key = only_key(&server).await;
        assert!(server.command::<i64>(&format!("PTTL {key}")).await > 0, "{algorithm}");
        let _: i64 = server.command(&format!("PERSIST {key}")).await;
        assert!(!desk::decide(&store, &items).await.unwrap().allowed);
        let left: i64 = server.command(&format!("PTTL {key}")).await;
        assert!((1..=31_000).contains(&left), "{algorithm}: {left}");
    }
}

#[tokio::test]
async fn a_refusal_writes_nothing() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = store(&server).await;
    let items: Vec<_> =
        Algorithm::ALL.iter().map(|algorithm| desk::item(algorithm.name(), params(*algorithm), 2)).collect();
    assert!(desk::decide(&store, &items).await.unwrap().allowed);
    let changes = async || {
        let info: String = server.command("INFO persistence").await;
        let line = info.lines().find_map(|line| line.strip_prefix("rdb_changes_since_last_save:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    let before = changes().await;
    assert!(before > 0);
    for _ in 0..5 {
        assert!(!desk::decide(&store, &items).await.unwrap().allowed);
    }
    assert_eq!(changes().await, before);
}

#[tokio::test]
async fn a_clock_that_was_put_back_locks_nobody_out_for_longer_than_a_period() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = desk::plain(server.url()).callers_clock().deadline(Duration::from_secs(10)).connect().await.unwrap();
    let start = desk::now();
    let later = |secs: u64| {
        let nanos = Duration::from_secs(secs).into();
        limiter_core::time::Now {
            monotonic: start.monotonic.saturating_add(nanos),
            wall: start.wall.saturating_add(nanos),
        }
    };
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Concurrent) {
        let items = [desk::item(algorithm.name(), params(algorithm), 2)];
        assert!(desk::decide_at(&store, later(3600), &items).await.unwrap().allowed);
        // An hour back. The refusal itself heals, so that ten seconds later it passes.
        assert!(!desk::decide_at(&store, later(0), &items).await.unwrap().allowed, "{algorithm}");
        // A sliding window counts for a second period.
        let passes = if algorithm == Algorithm::Sliding { 20 } else { 10 };
        assert!(desk::decide_at(&store, later(passes), &items).await.unwrap().allowed, "{algorithm}");
    }
}
