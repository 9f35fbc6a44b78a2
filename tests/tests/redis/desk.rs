//! Operations in few words.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params};
use limiter_core::key::Key;
use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::{RedisStore, RedisStoreBuilder};
use limiter_core::store::{Answer, Charged, Decide, Decided, Item, Mode, Operation, Reply, Store, StoreError, Subject};
use limiter_core::time::{Clock, Now, SystemClock};
use tests::redis::Server;

/// The store without what saves round trips, so that each operation reaches the server and nothing else does.
pub fn plain(url: impl Into<String>) -> RedisStoreBuilder {
    RedisStore::builder(url).fleet(FleetOptions::new().nodes(1).without_denial_cache().without_combining())
}

/// The machine's clock: stores that go by one of their own want a steady one to answer on.
pub fn now() -> Now {
    static CLOCK: std::sync::LazyLock<SystemClock> = std::sync::LazyLock::new(SystemClock::new);
    Now { monotonic: CLOCK.monotonic(), wall: CLOCK.wall() }
}

pub fn subject(key: &str) -> Subject {
    Subject::named(format!("rule of {key}"), Key::from(key))
}

pub fn item(key: &str, params: Params, cost: u64) -> Item {
    Item {
        budget: 1,
        subject: subject(key),
        params,
        cost,
        mode: Mode::Charge,
        at_ceiling: Default::default(),
        settles: false,
    }
}

pub async fn answer(reply: Reply<Result<Answer, StoreError>>) -> Result<Answer, StoreError> {
    match reply {
        Reply::Now(answer) => answer,
        Reply::Later(answer) => answer.await,
    }
}

/// Under way when this returns.
pub fn decide(store: &dyn Store, items: &[Item]) -> impl Future<Output = Result<Decided, StoreError>> + use<> {
    decide_at(store, now(), items)
}

pub fn decide_at(
    store: &dyn Store,
    now: Now,
    items: &[Item],
) -> impl Future<Output = Result<Decided, StoreError>> + use<> {
    let reply = store.submit(Operation::Decide(Decide { now, items: items.iter().cloned().collect() }));
    async move {
        match answer(reply).await? {
            Answer::Decided(decided) => Ok(decided),
            other => panic!("a decision was answered by {other:?}"),
        }
    }
}

/// What was charged, to be settled or released.
pub fn charged(item: &Item, decided: &Decided, at: usize, now: Now) -> Charged {
    item.charged(&decided.items[at], decided.now.unwrap_or(now))
}

pub fn bucket(quota: &str) -> Params {
    Params::new(Algorithm::Bucket, quota.parse().unwrap()).unwrap()
}

/// Sixteen callers ask, and all of them pass, while the server is told the same ten times over.
pub async fn ask_while(server: &Server, store: &RedisStore, command: &str) {
    let load = async |task: usize| {
        for _ in 0..100 {
            let item = item(&format!("k{task}"), bucket("1000/s"), 1);
            assert!(decide(store, &[item]).await.unwrap().allowed);
        }
    };
    let told = async {
        for _ in 0..10 {
            let _: String = server.command(command).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    futures_util::future::join(futures_util::future::join_all((0..16).map(load)), told).await;
}
