//! What a gateway's tracker did, call by call; where it lost counts, ours must not.

use std::time::Duration;

use limiter_core::event::violation::{MOST_LABEL_BYTES, MemorySink, ViolationTracker};
use limiter_core::key::Key;
use serde_json::{Value, json};

use super::{pass, quiet};

const VECTORS: &str = include_str!("../../../tests/vectors/gateway_violation_tracker.json");

/// What came of a step: new rows, violations pending, and how often the sink was called.
struct Seen {
    rows: Vec<Value>,
    pending: u64,
    calls: u64,
}

struct Replay {
    tracker: ViolationTracker,
    sink: MemorySink,
}

impl Replay {
    fn new(config: &Value) -> Self {
        let sink = MemorySink::new();
        let interval = Duration::from_millis(config["flush_interval_ms"].as_u64().unwrap());
        let tracker = quiet(config["gateway_name"].as_str().unwrap()).interval(interval).start(sink.clone()).unwrap();
        Replay { tracker, sink }
    }

    async fn step(&self, step: &Value) -> Seen {
        let (rows, calls) = (self.sink.rows().len(), self.sink.calls());
        match step["op"].as_str().unwrap() {
            "record" => {
                let client = Key::from(step["client"].as_str().unwrap());
                let count = u32::try_from(step["n"].as_u64().unwrap_or(1)).unwrap();
                self.tracker.record_many(step["limiter"].as_str().unwrap(), &client, count);
            }
            "flush" => assert!(self.tracker.flush().await),
            "advance" => pass(Duration::from_millis(step["ms"].as_u64().unwrap())).await,
            "shutdown" => assert_eq!(self.tracker.shutdown().await.lost, 0),
            "sink_down" => self.sink.down(),
            "sink_up" => self.sink.up(),
            other => panic!("unknown operation {other}"),
        }
        let row = |row: &limiter_core::event::violation::Batch| json!({ "gateway_name": row.instance(), "total_count": row.total(), "details": row.details() });
        Seen {
            rows: self.sink.rows()[rows..].iter().map(row).collect(),
            pending: self.tracker.stats().pending,
            calls: self.sink.calls() - calls,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn core_cases_come_out_as_recorded() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut steps = 0;
    for case in file["cases"].as_array().unwrap().iter().filter(|case| case["class"] == "core") {
        let replay = Replay::new(&case["config"]);
        tokio::task::yield_now().await;
        for step in case["steps"].as_array().unwrap() {
            let (seen, expect) = (replay.step(step).await, &step["expect"]);
            assert_eq!(json!(seen.rows), expect["new_rows"], "{} {step}", case["id"]);
            assert_eq!(seen.pending, expect["pending_total"], "{} {step}", case["id"]);
            steps += 1;
        }
    }
    assert_eq!(steps, 40);
}

async fn replay(id: &str) -> Vec<(Value, Seen)> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["id"] == id).unwrap();
    let replay = Replay::new(&case["config"]);
    tokio::task::yield_now().await;
    let mut all = Vec::new();
    for step in case["steps"].as_array().unwrap() {
        all.push((step.clone(), replay.step(step).await));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn counts_of_a_failed_interval_are_in_the_next_row() {
    let steps = replay("S1-T18").await;
    let (down, seen) = &steps[2];
    assert_eq!(down["op"], "advance");
    // The recording lost them here: 0 were pending.
    assert_eq!((seen.pending, seen.calls, seen.rows.len()), (2, 1, 0));
    let (last, seen) = steps.last().unwrap();
    assert_eq!(json!(seen.rows), last["better"]["new_rows"]);
    assert_eq!(seen.pending, last["better"]["pending_total"]);
}

#[tokio::test(start_paused = true)]
async fn records_after_shutdown_are_not_taken_and_said_to_be_so() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["id"] == "S1-T14").unwrap();
    let replay = Replay::new(&case["config"]);
    for step in case["steps"].as_array().unwrap() {
        let seen = replay.step(step).await;
        assert_eq!(json!(seen.rows), step["expect"]["new_rows"], "{step}");
    }
    let stats = replay.tracker.stats();
    assert_eq!((stats.pending, stats.refused), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_very_long_client_is_cut() {
    let (_, seen) = replay("S1-T24").await.pop().unwrap();
    let details = seen.rows[0]["details"].as_object().unwrap();
    let (name, count) = details.iter().next().unwrap();
    assert_eq!((details.len(), count), (1, &json!(1)));
    assert!(name.len() <= MOST_LABEL_BYTES + ":basic".len() && name.ends_with("…:basic"), "{name}");
}
