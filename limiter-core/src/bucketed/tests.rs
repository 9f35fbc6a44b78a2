use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::*;
use crate::testing::ManualClock;

fn seconds(size: u64, rate: u64, interval: u64) -> Settings {
    Settings::new(size, rate, Duration::from_secs(interval)).unwrap()
}

#[test]
fn all_of_a_bucket_passes_and_then_the_rate_at_each_interval() {
    let clock = ManualClock::new();
    let limiter = Bucketed::new(seconds(10, 3, 10)).clock(clock.clone());
    let passed = || (0..20).filter(|_| !limiter.is_limited(&"k")).count();
    assert_eq!(passed(), 10);
    for _ in 0..5 {
        clock.advance(Duration::from_secs(10));
        assert_eq!(passed(), 3);
    }
    clock.advance(Duration::from_secs(3600));
    assert_eq!(passed(), 10);
}

#[test]
fn a_drain_just_before_an_edge_waits_for_that_edge_alone() {
    let clock = ManualClock::new();
    let limiter = Bucketed::new(seconds(2, 1, 10)).clock(clock.clone());
    assert!(!limiter.is_limited(&"k"));
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(limiter.draw(&"k").refill_after, Duration::from_millis(1));
    assert!(limiter.draw(&"k").drained);
    assert!(limiter.is_limited(&"k"));
    clock.advance(Duration::from_millis(1));
    assert!(!limiter.is_limited(&"k"));
}

#[test]
fn the_callback_may_use_the_limiter_and_hears_of_each_drain_once() {
    let clock = ManualClock::new();
    let (heard, own) = (Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::<Bucketed<&str>>::new()));
    let (told, inner) = (Arc::clone(&heard), Arc::clone(&own));
    let limiter = Bucketed::new(seconds(2, 1, 10)).clock(clock.clone()).on_drain(move |key| {
        told.fetch_add(1, Ordering::SeqCst);
        assert!(inner.get().unwrap().is_limited(key));
    });
    assert!(own.set(limiter).is_ok());
    let limiter = own.get().unwrap();
    for _ in 0..5 {
        let _ = limiter.is_limited(&"k");
    }
    assert_eq!(heard.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_secs(10));
    assert!(limiter.draw(&"k").drained);
    assert_eq!(heard.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_in_the_callback_leaves_the_token_spent() {
    let limiter = Bucketed::new(seconds(1, 1, 10)).clock(ManualClock::new()).on_drain(|_| panic!("by the callback"));
    assert!(catch_unwind(AssertUnwindSafe(|| limiter.draw(&"k"))).is_err());
    let after = limiter.draw(&"k");
    assert!(after.limited && !after.drained);
}

#[test]
fn under_parity_ten_threads_of_twenty_calls_pass_exactly_forty_nine_of_fifty() {
    for _ in 0..20 {
        let limiter = Bucketed::new(Settings::SERVER.parity()).clock(ManualClock::new());
        let passed = std::thread::scope(|scope| {
            let calls = || (0..20).filter(|_| !limiter.is_limited(&"k")).count();
            let threads: Vec<_> = (0..10).map(|_| scope.spawn(calls)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 49);
    }
}

#[test]
fn a_flood_of_keys_stays_under_the_ceiling_and_does_not_free_the_one_that_is_limited() {
    let limiter = Bucketed::new(seconds(5, 1, 10)).clock(ManualClock::new()).ceiling(100);
    while !limiter.is_limited(&u64::MAX) {}
    for key in 0..10_000 {
        assert!(!limiter.is_limited(&key));
        assert!(limiter.len() <= 100);
    }
    assert!(limiter.is_limited(&u64::MAX));
}

#[test]
fn a_bucket_that_is_full_again_is_given_up_first() {
    let clock = ManualClock::new();
    let limiter = Bucketed::new(seconds(5, 1, 10)).clock(clock.clone()).ceiling(2);
    let _ = limiter.is_limited(&"idle");
    clock.advance(Duration::from_secs(10));
    let _ = limiter.is_limited(&"busy");
    assert_eq!(limiter.draw(&"new").tokens, 4);
    assert_eq!(limiter.draw(&"busy").tokens, 3);
}

#[test]
fn a_clock_that_steps_back_neither_refills_nor_punishes() {
    let clock = ManualClock::new();
    let limiter = Bucketed::new(seconds(1, 1, 10)).clock(clock.clone());
    assert!(!limiter.is_limited(&"k"));
    clock.step_back(Duration::from_secs(3600));
    assert!(limiter.is_limited(&"k"));
    clock.advance(Duration::from_secs(10));
    assert!(!limiter.is_limited(&"k"));
}

#[test]
fn stop_forgets_buckets_and_their_phase() {
    let clock = ManualClock::new();
    let limiter = Bucketed::new(seconds(2, 1, 10)).clock(clock.clone());
    let _ = limiter.is_limited(&"k");
    clock.advance(Duration::from_secs(4));
    limiter.stop();
    assert!(limiter.is_empty());
    assert_eq!(limiter.draw(&"k").refill_after, Duration::from_secs(10));
}

#[test]
fn every_number_is_held_to_its_range() {
    let clamp = |size, rate, interval_ms| LenientSettings { size, rate, interval_ms }.clamp();
    let numbers = |settings: Settings| (settings.size(), settings.rate(), settings.interval().as_millis());
    let (settings, corrections) = clamp(Some(10.0), Some(1.0), Some(1000.0));
    assert_eq!((numbers(settings), corrections.len()), ((10, 1, 1000), 0));
    let (settings, corrections) = clamp(None, Some(f64::NAN), None);
    assert_eq!((numbers(settings), corrections.len()), ((100, 100, 86_400_000), 3));
    let (settings, corrections) = clamp(Some(f64::NEG_INFINITY), Some(f64::INFINITY), Some(-5.0));
    assert_eq!((numbers(settings), corrections.len()), ((0, 0, 0), 3));
    assert_eq!(corrections[0].to_string(), "the size -inf is out of range, 0 is used");
    let (settings, _) = clamp(Some(2.5), Some(1.5), Some(0.5));
    assert_eq!((settings.size(), settings.rate(), settings.interval()), (3, 1, Duration::from_micros(500)));
}

#[test]
fn strict_settings_name_the_value_and_what_is_accepted() {
    let error = |size, rate, secs| Settings::new(size, rate, Duration::from_secs(secs)).unwrap_err().to_string();
    assert_eq!(error(0, 1, 1), "a size of 0 is out of range; accepted: 1 to 999999999999999");
    assert_eq!(error(5, 6, 1), "a rate of 6 does not fit a size of 5; accepted: 1 to 5");
    assert_eq!(error(5, 5, 0), "an interval of 0ns is out of range; accepted: 1 ns to 100 years");
    assert!(Settings::new(5, 5, Duration::from_secs(101 * 366 * 86_400)).is_err());
}
