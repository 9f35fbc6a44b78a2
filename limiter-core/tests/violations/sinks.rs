//! Where rows go.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use limiter_core::event::violation::{JsonLinesSink, Layout, MemorySink, NoSink, SeveralSinks, ViolationTracker};
use serde_json::{Value, json};

use super::{quiet, written};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn rows_are_lines_of_json() {
    let page = Page::default();
    let tracker = quiet("gw").start(JsonLinesSink::new(page.clone()).layout(Layout::Nested)).unwrap();
    tracker.record_many("login", &"mallory\nin two lines".into(), 2);
    assert!(tracker.flush().await);
    tracker.record("search", &7u64.into());
    assert_eq!(tracker.shutdown().await.written, 1);
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["instance"], &rows[0]["total_count"]), (&json!("gw"), &json!(2)));
    assert_eq!(rows[0]["details"], json!({"login": {"mallory\\nin two lines": 2}}));
    assert_eq!(rows[1]["details"], json!({"search": {"7": 1}}));
    assert_ne!(rows[0]["batch_id"], rows[1]["batch_id"]);
    assert_eq!(rows[0]["window_end"], rows[1]["window_start"]);
}

#[tokio::test]
async fn a_file_is_appended_to() {
    let path = std::env::temp_dir().join(format!("limiter-violations-{}", std::process::id()));
    for _ in 0..2 {
        let tracker = quiet("gw").start(JsonLinesSink::file(&path).unwrap()).unwrap();
        tracker.record("r", &"a".into());
        assert_eq!(tracker.shutdown().await.lost, 0);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
}

#[tokio::test]
async fn of_several_sinks_each_gets_every_row_once_though_one_was_down() {
    let (good, bad) = (MemorySink::new(), MemorySink::new());
    let sinks = SeveralSinks::new().and(good.clone()).and(bad.clone());
    let tracker = quiet("gw").start(sinks).unwrap();
    bad.down();
    tracker.record_many("r", &"a".into(), 3);
    assert!(!tracker.flush().await);
    assert!(!tracker.flush().await);
    tracker.record_many("r", &"b".into(), 2);
    bad.up();
    assert_eq!(tracker.shutdown().await.lost, 0);
    assert_eq!((written(&good), written(&bad)), (5, 5));
    assert_eq!((good.rows().len(), bad.rows().len()), (2, 2));
}

#[tokio::test]
async fn a_sink_that_rejects_a_row_does_not_keep_it_from_the_others() {
    let (good, bad) = (MemorySink::new(), MemorySink::new());
    let tracker = quiet("gw").start(SeveralSinks::new().and(bad.clone()).and(good.clone())).unwrap();
    bad.reject();
    tracker.record("r", &"a".into());
    assert!(tracker.flush().await);
    assert_eq!((written(&good), tracker.stats().rejected), (1, 1));
}

#[tokio::test]
async fn without_a_sink_there_are_still_numbers() {
    let tracker = ViolationTracker::builder("gw").start(NoSink).unwrap();
    tracker.record_many("r", &"a".into(), 3);
    assert_eq!(tracker.top(9)[0].count, 3);
    assert_eq!(tracker.shutdown().await.written, 3);
}
