//! Recorded histories of many threads over policies of three rules: is there an order, one after
//! the other and true to who came before whom, in which the pure algorithms say the same?
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod history;
mod search;
mod stores;

use limiter_core::algorithm::Algorithm;
use limiter_core::store::memory::MemoryStore;

use history::{History, record};
use search::is_linearizable;
use stores::{HalfCharging, PeekThenCharge};

const THREADS: u64 = 64;
const WINDOWS_AND_SLOTS: &[Algorithm] = &[Algorithm::Fixed, Algorithm::Concurrent];
const OTHERS: &[Algorithm] = &[Algorithm::Interval, Algorithm::Sliding, Algorithm::Log];

#[test]
fn histories_of_sixty_four_threads_over_three_rules_are_linearizable() {
    let mut overlapping = 0;
    for seed in 0..20 {
        let history = record(&MemoryStore::with_ceiling(4096), THREADS, seed, WINDOWS_AND_SLOTS);
        assert!(history.mixes_answers(), "seed {seed}: nothing was refused, or nothing admitted");
        overlapping += history.overlaps();
        assert!(is_linearizable(&history), "seed {seed}: no order explains this: {history:#?}");
    }
    assert!(overlapping > 100, "the threads hardly met: {overlapping} overlaps");
}

#[test]
fn histories_on_a_single_shard_are_linearizable() {
    for seed in 100..110 {
        let history = record(&MemoryStore::with_ceiling(100), THREADS, seed, WINDOWS_AND_SLOTS);
        assert!(is_linearizable(&history), "seed {seed}: no order explains this: {history:#?}");
    }
}

#[test]
fn histories_with_intervals_sliding_windows_and_logs_are_linearizable() {
    let (mut overlapping, mut spent) = (0, vec![0; OTHERS.len()]);
    for (seed, ceiling) in (200..220).zip([4096, 100].into_iter().cycle()) {
        let history = record(&MemoryStore::with_ceiling(ceiling), THREADS, seed, OTHERS);
        for (spent, algorithm) in spent.iter_mut().zip(OTHERS) {
            *spent += usize::from(history.spends(*algorithm));
        }
        overlapping += history.overlaps();
        assert!(is_linearizable(&history), "seed {seed}: no order explains this: {history:#?}");
    }
    assert!(overlapping > 100, "the threads hardly met: {overlapping} overlaps");
    // In which order threads come is the scheduler's, so not every history refuses under every rule.
    assert!(spent.iter().all(|histories| *histories >= 10), "of 20 histories {spent:?} both admit and refuse");
}

#[test]
fn a_store_that_charges_the_first_of_three_rules_alone_is_flagged() {
    for third in [WINDOWS_AND_SLOTS, OTHERS] {
        let flagged = (0..10).filter(|seed| !is_linearizable(&record(&HalfCharging::default(), 4, *seed, third)));
        assert_eq!(flagged.count(), 10);
    }
}

#[test]
fn a_store_that_asks_first_and_charges_later_is_flagged() {
    // Two threads ask for the last unit, and meet between the question and the charge.
    let history = History::of_a_race(&PeekThenCharge::default());
    assert!(!is_linearizable(&history), "a lost race was explained: {history:#?}");
    assert!(is_linearizable(&History::of_a_race(&MemoryStore::new())));
}

#[test]
fn an_answer_from_before_its_question_is_flagged() {
    // The first operation is over when the second begins, so the second must see it.
    let mut history = History::of_a_race(&MemoryStore::new());
    assert!(is_linearizable(&history));
    history.put_the_refusal_first();
    assert!(!is_linearizable(&history), "time ran backwards unnoticed");
}
