//! Barriers, counters and events keep their contracts.

use std::time::Duration;

use limiter_core::store::contract::{barriers, counters};
use limiter_core::store::redis::RedisStore;
use tests::redis::{self, Server};
use tokio::runtime::Runtime;

use crate::desk;
use crate::in_real_time::InRealTime;

fn subject() -> (InRealTime<RedisStore>, Server) {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    let builder = desk::plain(server.url()).deadline(Duration::from_secs(5));
    let store = runtime.block_on(builder.connect()).unwrap();
    (InRealTime::new(store, runtime), server)
}

#[test]
fn barriers_keep_every_promise() {
    if redis::there() {
        let (subject, _server) = subject();
        barriers::assert_keeps(&subject);
    }
}

#[test]
fn counters_keep_every_promise() {
    if redis::there() {
        let (subject, _server) = subject();
        counters::assert_keeps(&subject);
    }
}
