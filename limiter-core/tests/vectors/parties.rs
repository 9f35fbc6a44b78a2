//! Barriers, and the counters that limiters are made of, replayed call by call.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use limiter_core::Barrier;
use limiter_core::store::{Arrival, Barriers, Counters, Lifetime, Reply, Waited};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::cases::{id, millis, steps};

fn lifetime(config: &Value) -> Lifetime {
    Lifetime::new(Duration::from_millis(millis(&config["ttl_ms"]))).unwrap()
}

/// What a call says where `cleared` was recorded: where no barrier was, that was a mistake, and ours
/// says so.
fn told(cleared: bool, missing: bool) -> Value {
    json!({ "cleared": cleared || missing })
}

/// Plays a case to its end, and says how many steps that were. Waits may end so much later or, since
/// they may begin later, earlier than recorded.
pub(crate) async fn barrier_case(case: &Value, store: impl Barriers + Clone, slack: Duration) -> usize {
    let handle = |config: &Value| Barrier::new(store.clone(), id(case)).lifetime(lifetime(config));
    let handles: HashMap<String, Barrier> = match case["limiters"].as_object() {
        Some(several) => several.iter().map(|(name, config)| (name.clone(), handle(config))).collect(),
        None => [(String::new(), handle(&case["config"]))].into(),
    };
    let start = Instant::now();
    // What is missing may only be taken for cleared in recordings of that mistake.
    let mistaken = case["class"] != "core";
    let mut waits = Vec::new();
    for step in steps(case) {
        sleep_until(start + Duration::from_millis(millis(&step["at_ms"]))).await;
        let (place, expect) = (format!("{} at {}", id(case), step["at_ms"]), step["expect"].clone());
        let barrier = handles[step["limiter"].as_str().unwrap_or("")].clone();
        match step["op"].as_str().unwrap() {
            "create" => match u32::try_from(step["parties"].as_i64().unwrap()).ok().and_then(NonZeroU32::new) {
                Some(parties) => {
                    assert_eq!(json!({ "created": barrier.create(parties).await.unwrap() }), expect, "{place}");
                }
                None => assert_eq!(expect["error"], "AssertionError", "{place}"),
            },
            "wait" => {
                let arrival = barrier.arrive_unnamed().await.unwrap();
                let missing = arrival == Arrival::NoSuchBarrier;
                assert!(mistaken || !missing, "{place}");
                assert_eq!(told(arrival.is_cleared(), missing), expect, "{place}");
            }
            "wait_blocking" => waits.push(tokio::spawn({
                let (party, step) = (step["party"].as_str().unwrap().to_owned(), step.clone());
                async move {
                    let began = Instant::now();
                    let timeout = step["timeout_ms"].as_u64().map_or(Duration::MAX, Duration::from_millis);
                    let waited = barrier.wait(&party, timeout).await.unwrap();
                    let missing = waited == Waited::NoSuchBarrier;
                    assert!(mistaken || !missing, "{place}");
                    let took = began.elapsed();
                    assert_eq!(json!(waited == Waited::Cleared || missing), expect["cleared"], "{place}");
                    let about = Duration::from_millis(millis(&expect["returned_after_ms_about"]));
                    assert!(took.abs_diff(about) <= slack, "{place}: after {took:?}");
                }
            })),
            other => panic!("{place}: unknown operation {other}"),
        }
        // Parties that wait begin to before the next step.
        tokio::task::yield_now().await;
    }
    for wait in waits {
        wait.await.unwrap();
    }
    steps(case).len()
}

async fn answer<T>(reply: Reply<T>) -> T {
    match reply {
        Reply::Now(answer) => answer,
        Reply::Later(answer) => answer.await,
    }
}

/// Plays a case to its end, and says how many steps that were.
pub(crate) async fn counter_case(case: &Value, counters: &impl Counters) -> usize {
    let start = Instant::now();
    for step in steps(case) {
        sleep_until(start + Duration::from_millis(millis(&step["at_ms"]))).await;
        let key = step["key"].as_str().unwrap();
        let whole = |name: &str| step[name].as_i64().unwrap();
        let amount = || u32::try_from(millis(&step["amount"])).unwrap();
        let said = match step["op"].as_str().unwrap() {
            "get" => json!({ "value": answer(counters.get(key)).await.unwrap() }),
            "add" => json!({ "ok": answer(counters.add(key, whole("value"), lifetime(step))).await.unwrap() }),
            "incr" => {
                json!({ "ok": answer(counters.incr(key, amount(), whole("maximum"), lifetime(step))).await.unwrap() })
            }
            "decr" => {
                json!({ "ok": answer(counters.decr(key, amount(), whole("minimum"), lifetime(step))).await.unwrap() })
            }
            "incr_and_sum" => {
                let keys = step["keys"].as_array().unwrap().iter();
                let keys: Vec<String> = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
                let reply = counters.incr_and_sum(key, &keys, amount(), whole("maximum"), lifetime(step));
                json!({ "ok": answer(reply).await.unwrap() })
            }
            other => panic!("{}: unknown operation {other}", id(case)),
        };
        assert_eq!(said, step["expect"], "{} at {}: {step}", id(case), step["at_ms"]);
    }
    steps(case).len()
}
