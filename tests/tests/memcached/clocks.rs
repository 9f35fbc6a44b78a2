//! Clocks that differ and clocks that are set back.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Verdict};
use limiter_core::store::{Decide, Mode, Operation};
use limiter_core::testing::ManualClock;
use limiter_core::time::{Clock, Nanos, Now};
use smallvec::SmallVec;

use crate::fixture::{Fixture, bare, item, operate, params};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_clock_set_back_by_an_hour_locks_nobody_out() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in [Algorithm::Bucket, Algorithm::Interval, Algorithm::Log, Algorithm::Fixed, Algorithm::Sliding] {
        let (key, params) = (algorithm.name(), params(algorithm, "5/10s"));
        assert!(fixture.take(key, params, 5).unwrap());
        assert!(!fixture.take(key, params, 1).unwrap());
        fixture.clock.step_back(HOUR);
        // Windows of an hour ago are others; what is one state is carried along.
        if !matches!(algorithm, Algorithm::Fixed | Algorithm::Sliding) {
            assert!(!fixture.take(key, params, 1).unwrap(), "{algorithm}: nothing is given for it");
        }
        fixture.clock.advance(Duration::from_secs(20));
        assert!(fixture.take(key, params, 5).unwrap(), "{algorithm}");
    }
}

#[test]
fn a_small_step_back_holds_time_still_and_waits_stay_true() {
    let Some(fixture) = Fixture::private() else { return };
    let params = params(Algorithm::Bucket, "1/s burst 5");
    assert!(fixture.take("k", params, 5).unwrap());
    fixture.clock.step_back(Duration::from_secs(2));
    let refused = fixture.decide(item("k", params, 1, Mode::Charge)).unwrap();
    assert_eq!(refused.items[0].verdict, Verdict::Deny { retry: Some(Nanos::new(3_000_000_000)) });
    fixture.clock.advance(Duration::from_nanos(2_999_999_999));
    assert!(!fixture.take("k", params, 1).unwrap());
    fixture.clock.advance(Duration::from_nanos(1));
    assert!(fixture.take("k", params, 1).unwrap());
}

/// Two processes whose clocks differ by `e` get at most what comes back in `e` on top.
#[test]
fn processes_whose_clocks_differ_get_no_more_than_the_difference_brings() {
    let Some(fixture) = Fixture::private() else { return };
    let address = fixture.server.as_ref().unwrap().address.to_string();
    let ahead = ManualClock::new();
    ahead.advance(Duration::from_secs(2));
    let builder = bare().clock(ahead.clone());
    let other = fixture.runtime.block_on(builder.connect([address])).unwrap();
    let params = params(Algorithm::Bucket, "10/s burst 10");
    let mut admitted = 0;
    for _ in 0..100 {
        for _ in 0..3 {
            let now = Now { monotonic: ahead.monotonic(), wall: ahead.wall() };
            let items = SmallVec::from_iter([item("k", params, 1, Mode::Charge)]);
            let answer = operate(&other, Operation::Decide(Decide { now, items })).unwrap();
            if let limiter_core::store::Answer::Decided(decided) = answer {
                admitted += u64::from(decided.allowed);
            }
            admitted += u64::from(fixture.take("k", params, 1).unwrap());
        }
        ahead.advance(Duration::from_millis(50));
        fixture.clock.advance(Duration::from_millis(50));
    }
    // Five seconds at ten a second, a burst of ten, and two seconds between the clocks.
    assert!((50..=80).contains(&admitted), "{admitted}");
}

/// Callers that count by no wall clock do not read it; the store then reads its own.
#[test]
fn a_process_that_has_just_started_finds_what_others_used_before_it() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in [Algorithm::Sliding, Algorithm::Interval, Algorithm::Fixed, Algorithm::Bucket, Algorithm::Log] {
        let params = params(algorithm, "5/d");
        assert!(fixture.take(algorithm.name(), params, 5).unwrap());
        let address = fixture.server.as_ref().unwrap().address.to_string();
        let store = fixture.runtime.block_on(bare().clock(fixture.clock.clone()).connect([address]));
        let limiter_clock = limiter_core::time::SystemClock::new();
        // A monotonic clock that began a moment ago, and no wall clock.
        let now = Now { monotonic: limiter_clock.monotonic(), wall: Nanos::ZERO };
        let items = SmallVec::from_iter([item(algorithm.name(), params, 1, Mode::Charge)]);
        match operate(&store.unwrap(), Operation::Decide(Decide { now, items })).unwrap() {
            limiter_core::store::Answer::Decided(decided) => {
                assert!(!decided.allowed, "{algorithm}");
                let reply = decided.items[0];
                assert_eq!(params.remaining(reply.state, now), 0, "{algorithm}");
                let reset = params.reset_after(reply.state, now).unwrap();
                assert!(reset <= Nanos::from(Duration::from_secs(2 * 86_400)), "{algorithm}: {reset:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
