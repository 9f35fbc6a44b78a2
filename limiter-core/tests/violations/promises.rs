//! The cap, the totals, the labels, the numbers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::event::violation::{Layout, MOST_LABEL_BYTES, MemorySink, OTHERS, ViolationTracker};
use limiter_core::key::Key;

use super::{pass, quiet, started, written};

#[tokio::test(start_paused = true)]
async fn a_million_distinct_offenders_are_capped_and_their_totals_are_exact() {
    let (tracker, sink) = started();
    for client in 0..1_000_000u64 {
        tracker.record(if client % 4 == 0 { "login" } else { "search" }, &Key::from(client));
    }
    let stats = tracker.stats();
    assert_eq!((stats.places, stats.pending_pairs, stats.pending), (10_000, 10_000, 1_000_000));
    assert_eq!(stats.folded, 990_000);
    assert!(tracker.flush().await);
    let rows = sink.rows();
    assert_eq!((rows.len(), rows[0].total()), (1, 1_000_000));
    for (rule, total) in [("login", 250_000), ("search", 750_000)] {
        let of_rule = rows[0].violations().iter().filter(|one| &*one.rule == rule);
        assert_eq!(of_rule.clone().map(|one| one.count).sum::<u64>(), total);
        assert_eq!(of_rule.filter(|one| &*one.client == OTHERS).count(), 1);
    }
    assert_eq!(rows[0].violations().len(), 10_002);
}

#[tokio::test(start_paused = true)]
async fn places_are_free_again_after_a_flush_but_for_those_who_go_on() {
    let sink = MemorySink::new();
    let tracker = quiet("gw").cap(3).start(sink.clone()).unwrap();
    for client in ["a", "b", "c", "d"] {
        tracker.record("r", &client.into());
    }
    assert_eq!((tracker.stats().places, tracker.stats().folded), (3, 1));
    assert!(tracker.flush().await);
    assert_eq!(tracker.stats().places, 0);
    tracker.record("r", &"d".into());
    assert!(tracker.flush().await);
    assert_eq!(sink.rows()[1].details().to_string(), r#"{"d:r":1}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_from_many_threads_are_neither_lost_nor_doubled_while_rows_are_written() {
    const THREADS: u64 = 4;
    const EACH: u64 = 100_000;
    let sink = MemorySink::new();
    // Fewer places than clients: folding is under way as well.
    let tracker = quiet("gw").cap(40).start(sink.clone()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let tracker = tracker.clone();
            std::thread::spawn(move || {
                for n in 0..EACH {
                    tracker.record("r", &Key::from((n * (thread + 1)) % 60));
                }
            })
        })
        .collect();
    let flusher = {
        let (tracker, sink, done) = (tracker.clone(), sink.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                if round % 3 == 0 {
                    sink.down()
                } else {
                    sink.up()
                }
                round += 1;
                let _ = tracker.flush().await;
                tokio::task::yield_now().await;
            }
            sink.up();
        })
    };
    tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| thread.join().unwrap())).await.unwrap();
    done.store(true, Ordering::Relaxed);
    flusher.await.unwrap();
    let report = tracker.shutdown().await;
    assert_eq!((written(&sink), report.lost), (THREADS * EACH, 0));
    assert!(tracker.stats().places <= 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_that_races_with_shutdown_is_written_or_refused() {
    for _ in 0..20 {
        let sink = MemorySink::new();
        let tracker = quiet("gw").cap(4).start(sink.clone()).unwrap();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let tracker = tracker.clone();
                std::thread::spawn(move || (0..20_000u64).for_each(|n| tracker.record("r", &Key::from(n % 8))))
            })
            .collect();
        let report = tracker.shutdown().await;
        tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| thread.join().unwrap()))
            .await
            .unwrap();
        let stats = tracker.stats();
        assert_eq!((report.lost, report.written), (0, written(&sink)));
        assert_eq!(written(&sink) + stats.refused, 60_000, "{stats:?}");
        assert_eq!(stats.pending, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn every_row_adds_up_in_both_layouts_whatever_the_labels() {
    let (tracker, sink) = started();
    let long = "y".repeat(4096);
    for (rule, client, count) in
        [("a:b", "c", 1), ("b", "c:a", 2), ("nul\0", "x\0y", 3), (long.as_str(), long.as_str(), 4), ("", "", 5)]
    {
        tracker.record_many(rule, &client.into(), count);
    }
    assert!(tracker.flush().await);
    let row = &sink.rows()[0];
    assert_eq!(row.total(), 15);
    let flat = row.details_as(Layout::Flat);
    assert_eq!(flat.as_object().unwrap().values().filter_map(|count| count.as_u64()).sum::<u64>(), 15);
    let nested = row.details_as(Layout::Nested);
    let clients = nested.as_object().unwrap().values().flat_map(|clients| clients.as_object().unwrap().values());
    assert_eq!(clients.filter_map(|count| count.as_u64()).sum::<u64>(), 15);
    for one in row.violations() {
        assert!(one.rule.len() <= MOST_LABEL_BYTES && one.client.len() <= MOST_LABEL_BYTES);
        assert!(!one.rule.contains('\0') && !one.client.contains('\0'));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_batch_is_not_tried_again_and_counted() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (sink, listener) = (MemorySink::new(), Arc::clone(&told));
    let tracker = ViolationTracker::builder("gw")
        .without_jitter()
        .on_trouble(move |trouble| listener.lock().unwrap().push(trouble.to_string()))
        .start(sink.clone())
        .unwrap();
    sink.reject();
    tracker.record_many("r", &"a".into(), 7);
    pass(Duration::from_secs(300)).await;
    assert_eq!(sink.calls(), 1);
    let stats = tracker.stats();
    assert_eq!((stats.rejected_batches, stats.rejected, stats.pending, stats.failures), (1, 7, 0, 0));
    assert_eq!(
        *told.lock().unwrap(),
        ["7 violations are lost: the row was rejected for what it says: the sink does not like it"]
    );
    sink.up();
    tracker.record("r", &"a".into());
    assert!(tracker.flush().await);
    assert_eq!(written(&sink), 1);
}

#[tokio::test(start_paused = true)]
async fn the_worst_offenders_are_known_before_and_after_a_flush() {
    let (tracker, _sink) = started();
    tracker.record_many("r", &"a".into(), 3);
    tracker.record_many("r", &"b".into(), 9);
    tracker.record_many("s", &"c".into(), 1);
    assert!(tracker.flush().await);
    tracker.record_many("r", &"a".into(), 8);
    let top: Vec<(String, u64)> = tracker.top(2).iter().map(|one| (one.client.to_string(), one.count)).collect();
    assert_eq!(top, [("a".to_owned(), 11), ("b".to_owned(), 9)]);
}

#[test]
fn outside_a_runtime_it_says_so() {
    let error = ViolationTracker::builder("gw").start(MemorySink::new()).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"));
}

#[tokio::test]
async fn counting_a_known_pair_allocates_nothing() {
    let (tracker, _sink) = started();
    let keys = [Key::from(7u64), Key::from("mallory"), Key::from(std::net::IpAddr::from([192, 0, 2, 7]))];
    keys.iter().for_each(|key| tracker.record("login", key));
    let again = allocation_counter::measure(|| keys.iter().for_each(|key| tracker.record("login", key)));
    assert_eq!(again.count_total, 0);
}
