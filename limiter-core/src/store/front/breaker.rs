//! When to leave a failing store alone, and when to look whether it is back.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use parking_lot::Mutex;

use crate::store::jitter::shortened;
use crate::time::Nanos;

/// So many failures one after the other open the breaker.
const IN_A_ROW: u32 = 5;
/// So does a share of failures, half, among at least so many calls within a second.
const ENOUGH: u32 = 20;
const SECOND: Nanos = Nanos::new(1_000_000_000);
/// Pause before the first look.
const FIRST_PAUSE: u64 = 100_000_000;
/// Longest pause: three times doubled. An attempt to connect may last another second, and whoever is back
/// is to be noticed within two.
const LONGEST_PAUSE: u64 = 800_000_000;

/// Whether a call may go to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Go,
    /// Leave it alone.
    Stop,
    /// Leave it alone, and look whether it is back: nobody else will until the look has ended.
    Look,
}

#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Whether calls are stopped; the only thing that a call looks at while all is well.
    open: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    in_a_row: u32,
    /// When the second that is being counted began.
    since: Nanos,
    calls: u32,
    failures: u32,
    pause: u64,
    /// When to look next. Nobody looks at the same time twice.
    look_at: Nanos,
    looking: bool,
}

impl Breaker {
    #[inline]
    pub(super) fn admit(&self, now: Nanos) -> Admission {
        if self.open.load(Ordering::Acquire) { self.admit_open(now) } else { Admission::Go }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    #[cold]
    fn admit_open(&self, now: Nanos) -> Admission {
        let mut inner = self.inner.lock();
        if inner.looking || now < inner.look_at {
            return Admission::Stop;
        }
        inner.looking = true;
        Admission::Look
    }

    /// Notes how a call ended. What was under way when the breaker opened changes nothing.
    pub(super) fn note(&self, now: Nanos, worked: bool) {
        let mut inner = self.inner.lock();
        if self.open.load(Ordering::Relaxed) {
            return;
        }
        if now.saturating_sub(inner.since) >= SECOND {
            *inner = Inner { in_a_row: inner.in_a_row, since: now, ..Inner::default() };
        }
        inner.calls = inner.calls.saturating_add(1);
        if worked {
            inner.in_a_row = 0;
            return;
        }
        inner.in_a_row = inner.in_a_row.saturating_add(1);
        inner.failures = inner.failures.saturating_add(1);
        let half = inner.calls >= ENOUGH && inner.failures.saturating_mul(2) >= inner.calls;
        if inner.in_a_row >= IN_A_ROW || half {
            inner.pause = FIRST_PAUSE;
            inner.look_at = now.saturating_add(jittered(FIRST_PAUSE));
            inner.looking = false;
            self.open.store(true, Ordering::Release);
        }
    }

    /// Notes what a look found. Says whether calls may go again.
    pub(super) fn looked(&self, now: Nanos, worked: bool) -> bool {
        let mut inner = self.inner.lock();
        if worked {
            *inner = Inner { since: now, ..Inner::default() };
            self.open.store(false, Ordering::Release);
            return true;
        }
        inner.pause = inner.pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        inner.look_at = now.saturating_add(jittered(inner.pause));
        inner.looking = false;
        false
    }
}

/// Between half of a pause and all of it, so that the processes of a fleet do not all look at once.
fn jittered(pause: u64) -> Nanos {
    let pause = Duration::from_nanos(pause);
    Nanos::from(shortened(pause, pause / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Nanos {
        Nanos::new(1_000_000_000_000 + millis * 1_000_000)
    }

    fn opened() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..IN_A_ROW {
            assert_eq!(breaker.admit(at(0)), Admission::Go);
            breaker.note(at(0), false);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_four_do_not() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            (0..4).for_each(|_| breaker.note(at(0), false));
            breaker.note(at(0), true);
        }
        assert_eq!(breaker.admit(at(0)), Admission::Go);
        assert_eq!(opened().admit(at(0)), Admission::Stop);
    }

    #[test]
    fn half_of_twenty_calls_in_a_second_open_it_and_of_fewer_or_slower_ones_do_not() {
        let breaker = Breaker::default();
        for call in 0..19 {
            breaker.note(at(call), call % 2 == 0);
        }
        assert!(!breaker.is_open());
        breaker.note(at(19), false);
        assert!(breaker.is_open());

        let slow = Breaker::default();
        for call in 0..100 {
            slow.note(at(call * 60), call % 2 == 0);
        }
        assert!(!slow.is_open());
    }

    #[test]
    fn one_look_at_a_time_with_pauses_that_double() {
        let breaker = opened();
        let mut now = 0;
        for pause in [100, 200, 400, 800, 800, 800] {
            assert_eq!(breaker.admit(at(now + pause / 2 - 1)), Admission::Stop, "{pause}");
            assert_eq!(breaker.admit(at(now + pause)), Admission::Look, "{pause}");
            assert_eq!(breaker.admit(at(now + pause)), Admission::Stop, "{pause}");
            now += pause;
            assert!(!breaker.looked(at(now), false));
        }
        assert_eq!(breaker.admit(at(now + 800)), Admission::Look);
        assert!(breaker.looked(at(now + 800), true));
        assert_eq!(breaker.admit(at(now + 800)), Admission::Go);
        (0..4).for_each(|_| breaker.note(at(now), false));
        assert!(!breaker.is_open(), "failures before it opened are forgotten");
    }

    #[test]
    fn what_ends_while_it_is_open_changes_nothing() {
        let breaker = opened();
        (0..100).for_each(|_| breaker.note(at(1), true));
        assert_eq!(breaker.admit(at(1)), Admission::Stop);
        assert_eq!(breaker.admit(at(100)), Admission::Look);
    }
}
