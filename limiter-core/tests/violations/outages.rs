//! The sink fails, hangs, vanishes, panics; time runs out.

use std::time::Duration;

use limiter_core::event::violation::{Batch, MemorySink, SinkFuture, ViolationSink};
use limiter_core::testing::ManualClock;

use super::{pass, quiet, started, written};

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_memory_and_no_counts() {
    let (tracker, sink) = started();
    sink.down();
    for _ in 0..3600 {
        for client in 0..100u64 {
            tracker.record("r", &client.into());
        }
        pass(Duration::from_secs(1)).await;
    }
    let stats = tracker.stats();
    assert_eq!((stats.places, stats.pending, stats.folded), (100, 360_000, 0));
    // A minute until the first; then after 1, 2, 4, .. 60 seconds and every minute.
    assert!((60..70).contains(&stats.failures), "{}", stats.failures);
    assert_eq!(u64::from(stats.failures_in_a_row), stats.failures);
    sink.up();
    pass(Duration::from_secs(61)).await;
    assert_eq!((sink.rows().len(), written(&sink)), (1, 360_000));
    assert_eq!(tracker.stats().failures_in_a_row, 0);
}

#[tokio::test(start_paused = true)]
async fn success_resets_the_wait() {
    let (tracker, sink) = started();
    sink.down();
    tracker.record("r", &"a".into());
    pass(Duration::from_secs(60 + 1 + 2)).await;
    assert_eq!(sink.calls(), 3);
    sink.up();
    pass(Duration::from_secs(4)).await;
    assert_eq!((sink.calls(), written(&sink)), (4, 1));
    sink.down();
    tracker.record("r", &"a".into());
    pass(Duration::from_secs(60)).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(sink.calls(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_fails_after_ten_seconds_and_is_written_later() {
    let (tracker, sink) = started();
    sink.hang();
    tracker.record("r", &"a".into());
    pass(Duration::from_secs(60 + 9)).await;
    let stats = tracker.stats();
    assert_eq!((sink.calls(), stats.failures, stats.pending), (1, 0, 1));
    tracker.record("r", &"a".into());
    pass(Duration::from_secs(1)).await;
    assert_eq!(tracker.stats().failures, 1);
    sink.up();
    pass(Duration::from_secs(1)).await;
    assert_eq!(written(&sink), 2);
}

#[tokio::test(start_paused = true)]
async fn a_vanished_answer_means_at_least_once_or_exactly_once_where_the_sink_knows_batches() {
    for (sink, rows) in [(MemorySink::new(), 5 + 7), (MemorySink::that_knows_batches(), 7)] {
        let tracker = quiet("gw").start(sink.clone()).unwrap();
        sink.vanish();
        tracker.record_many("r", &"a".into(), 5);
        assert!(!tracker.flush().await);
        tracker.record_many("r", &"a".into(), 2);
        assert_eq!(tracker.stats().pending, 7);
        // What may have been written stays uncertain, even if later attempts surely fail.
        sink.down();
        assert!(!tracker.flush().await);
        assert_eq!(tracker.stats().pending, 7);
        sink.up();
        let report = tracker.shutdown().await;
        assert_eq!((report.written, report.lost, written(&sink)), (7, 0, rows));
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_writes_what_there_is_and_tries_again_within_the_deadline() {
    let (tracker, sink) = started();
    tracker.record_many("r", &"a".into(), 3);
    sink.down();
    let shutdown = tokio::spawn({
        let tracker = tracker.clone();
        async move { tracker.shutdown().await }
    });
    pass(Duration::from_secs(2)).await;
    sink.up();
    pass(Duration::from_secs(3)).await;
    let report = shutdown.await.unwrap();
    assert_eq!((report.written, report.lost, written(&sink)), (3, 0, 3));
    assert_eq!(tracker.shutdown().await.written, 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_while_the_sink_is_down_says_what_was_not_written() {
    for hang in [false, true] {
        let (tracker, sink) = started();
        tracker.record_many("r", &"a".into(), 3);
        if hang {
            sink.hang()
        } else {
            sink.down()
        }
        let report = tracker.shutdown().await;
        assert_eq!((report.written, report.lost), (0, 3));
        assert_eq!(tracker.stats().lost, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_is_dropped_half_way_loses_nothing() {
    for sink in [MemorySink::new(), MemorySink::that_knows_batches()] {
        let tracker = quiet("gw").start(sink.clone()).unwrap();
        sink.hang();
        tracker.record_many("r", &"a".into(), 3);
        assert!(tokio::time::timeout(Duration::from_secs(1), tracker.flush()).await.is_err());
        assert_eq!(tracker.stats().pending, 3);
        sink.up();
        assert!(tracker.flush().await);
        assert_eq!(written(&sink), 3);
    }
}

struct Panicking;

impl ViolationSink for Panicking {
    fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a> {
        assert!(batch.total() != 1, "a mistake in a sink");
        Box::pin(async move { panic!("another, of {}", batch.total()) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_has_failed_and_the_task_goes_on() {
    let tracker = quiet("gw").start(Panicking).unwrap();
    tracker.record("r", &"a".into());
    pass(Duration::from_secs(60)).await;
    tracker.record("r", &"a".into());
    pass(Duration::from_secs(3)).await;
    let stats = tracker.stats();
    assert_eq!((stats.failures, stats.pending), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn the_age_of_the_oldest_count_survives_failures() {
    let (sink, clock) = (MemorySink::new(), ManualClock::new());
    let tracker = quiet("gw").clock(clock.clone()).start(sink.clone()).unwrap();
    assert_eq!(tracker.stats().oldest, None);
    tracker.record("r", &"a".into());
    clock.advance(Duration::from_secs(40));
    sink.down();
    assert!(!tracker.flush().await);
    clock.advance(Duration::from_secs(2));
    tracker.record("r", &"a".into());
    assert_eq!(tracker.stats().oldest, Some(Duration::from_secs(42)));
    sink.up();
    assert!(tracker.flush().await);
    assert_eq!(tracker.stats().oldest, None);
    let row = &sink.rows()[0];
    assert_eq!(row.window_end().duration_since(row.window_start()).unwrap(), Duration::from_secs(42));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_tracker_ends_its_task_and_tells_what_is_lost() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (sink, listener) = (MemorySink::new(), std::sync::Arc::clone(&told));
    let tracker = quiet("gw")
        .on_trouble(move |trouble| listener.lock().unwrap().push(trouble.to_string()))
        .start(sink.clone())
        .unwrap();
    tracker.record_many("r", &"a".into(), 3);
    drop(tracker);
    pass(Duration::from_secs(120)).await;
    assert_eq!(sink.calls(), 0);
    assert_eq!(*told.lock().unwrap(), ["3 violations were not written before the end, and are lost"]);
}
