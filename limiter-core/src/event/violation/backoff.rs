//! How long to wait: until the next flush, and after a failure.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, Ordering};
use std::hash::RandomState;
use std::time::Duration;

/// The first wait after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest, unless the interval is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Waits, spread at random so that instances do not write all at once.
#[derive(Debug)]
pub(super) struct Waits {
    interval: Duration,
    jitter: bool,
    source: RandomState,
    drawn: AtomicU64,
}

impl Waits {
    pub(super) fn new(interval: Duration, jitter: bool) -> Self {
        Waits { interval, jitter, source: RandomState::new(), drawn: AtomicU64::new(0) }
    }

    /// Until the first flush: somewhere in the interval, so that later ones stay apart as well.
    pub(super) fn first(&self) -> Duration {
        if self.jitter { self.part_of(self.interval) } else { self.interval }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// After so many failures in a row: a second, then twice as long each time, give or take a quarter.
    pub(super) fn after(&self, failures: u32) -> Duration {
        let doubled = FIRST.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let longest = LONGEST.max(self.interval);
        let wait = doubled.min(longest);
        if self.jitter { (wait / 4 * 3 + self.part_of(wait / 2)).min(longest) } else { wait }
    }

    /// A number of 128 bits that no other process draws.
    pub(super) fn draw(&self) -> u128 {
        u128::from(self.word()) << 64 | u128::from(self.word())
    }

    fn part_of(&self, whole: Duration) -> Duration {
        let parts = u32::try_from(self.word() >> 44).unwrap_or(0);
        (whole / (1 << 20)).saturating_mul(parts)
    }

    fn word(&self) -> u64 {
        self.source.hash_one(self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_double_the_wait_up_to_a_minute_or_the_interval() {
        let waits = Waits::new(Duration::from_secs(10), false);
        let seconds: Vec<u64> = (1..9).map(|failures| waits.after(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(waits.after(u32::MAX), LONGEST);
        assert_eq!(Waits::new(Duration::from_secs(300), false).after(99), Duration::from_secs(300));
    }

    #[test]
    fn waits_are_spread_and_stay_in_their_bounds() {
        let waits = Waits::new(Duration::from_secs(60), true);
        let firsts: Vec<Duration> = (0..100).map(|_| waits.first()).collect();
        assert!(firsts.iter().all(|first| *first <= Duration::from_secs(60)));
        assert!(firsts.iter().any(|first| *first < Duration::from_secs(20)));
        assert!(firsts.iter().any(|first| *first > Duration::from_secs(40)));
        for _ in 0..100 {
            let wait = waits.after(2);
            assert!(wait >= Duration::from_millis(1500) && wait <= Duration::from_millis(2500), "{wait:?}");
        }
        assert_ne!(waits.draw(), waits.draw());
    }
}
