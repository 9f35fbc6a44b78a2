//! Two clocks: the server's, by which everything is counted, and the caller's, on which answers are
//! given. What was told of an instant has to mean the same when it comes back with a refund, so the
//! distance between the two stays as it was first seen, until it is seen to be wrong.

use core::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::time::{Nanos, Now};

/// Answers take up to this long without the distance being taken for wrong: 100 ms.
const SLACK: i64 = 100_000_000;
/// So often is the server's clock asked for, at least: every second.
const PAUSE: u64 = 1_000_000_000;
/// The most by which clocks drift apart in that time: one part in two thousand.
const DRIFT: i64 = 500_000;

/// How far the server's clock is ahead of the caller's monotonic one.
#[derive(Debug, Default)]
pub(super) struct Distance {
    seen: Mutex<Option<Seen>>,
    /// When the server's clock is to be asked for again; 0 before it was.
    due: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// What instants are told by.
    distance: i64,
    /// What it is at least.
    least: i64,
}

impl Distance {
    /// Whether it is time to ask for the server's clock. Of several that ask at once one is told so.
    pub(super) fn is_due(&self, now: Now) -> bool {
        let (due, now) = (self.due.load(Ordering::Relaxed), now.monotonic.get());
        if due == 0 {
            return true;
        }
        // Far ahead it is of another clock.
        let known = now < due && due - now <= 2 * PAUSE;
        let next = now.saturating_add(PAUSE);
        !known && self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The server's instant, in microseconds since the epoch, in terms of the clock that read `asked`
    /// before the server was asked; it `took` so long to say so.
    pub(super) fn to_caller(&self, asked: Now, server_micros: u64, took: Nanos) -> Now {
        let server = signed(server_micros.saturating_mul(1000));
        let sample = server.saturating_sub(signed(asked.monotonic.get()));
        let least = sample.saturating_sub(signed(took.get())).saturating_sub(DRIFT);
        let mut seen = self.seen.lock();
        let distance = match *seen {
            Some(seen) if (sample - seen.distance).abs() <= SLACK => seen.distance,
            _ => sample,
        };
        *seen = Some(Seen { distance, least });
        drop(seen);
        if self.due.load(Ordering::Relaxed) == 0 {
            self.due.store(asked.monotonic.get().saturating_add(PAUSE).max(1), Ordering::Relaxed);
        }
        let monotonic = u64::try_from(server.saturating_sub(distance)).unwrap_or(0);
        Now { monotonic: Nanos::new(monotonic), wall: Nanos::new(server_micros.saturating_mul(1000)) }
    }

    /// The same for an answer without an instant: the earliest at which it can have been given. What is given
    /// back of what was charged then is rather too little than too much.
    pub(super) fn earliest(&self, asked: Now) -> Now {
        let Some(Seen { distance, least }) = *self.seen.lock() else { return asked };
        let server = signed(asked.monotonic.get()).saturating_add(least);
        let at = |instant: i64| Nanos::new(u64::try_from(instant).unwrap_or(0));
        Now { monotonic: at(server.saturating_sub(distance)), wall: at(server) }
    }

    /// The other way round, in nanoseconds; 0 where nothing is known yet.
    pub(super) fn to_server(&self, instant: Nanos) -> u64 {
        let Some(Seen { distance, .. }) = *self.seen.lock() else { return 0 };
        u64::try_from(signed(instant.get()).saturating_add(distance)).unwrap_or(0)
    }
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TIME: Nanos = Nanos::ZERO;

    #[test]
    fn an_answer_without_an_instant_is_told_from_no_later_than_it_was_given() {
        let distance = Distance::default();
        let asked = |micros: u64| Now { monotonic: Nanos::new(1_000_000_000 + micros * 1000), wall: Nanos::ZERO };
        assert!(distance.is_due(asked(10)));
        // The server is far ahead; it was asked at 10, decided at 40 and was heard at 50.
        let server = |micros: u64| 1_000_000_000_000 + micros;
        distance.to_caller(asked(10), server(40), Nanos::new(40_000));
        assert!(!distance.is_due(asked(60)));
        // Asked at 100, decided any time after.
        let told = distance.earliest(asked(100));
        assert!(distance.to_server(told.monotonic) <= server(100) * 1000);
        assert!(distance.to_server(told.monotonic) >= (server(100) - 10 - 500) * 1000);
        assert_eq!(told.wall.get(), distance.to_server(told.monotonic));
        // A second later one of those who ask is told to look at the clock.
        assert!(distance.is_due(asked(1_000_010)));
        assert!(!distance.is_due(asked(1_000_010)));
    }

    #[test]
    fn an_instant_comes_back_as_it_went_however_long_answers_take() {
        let distance = Distance::default();
        let asked = |millis: u64| Now { monotonic: Nanos::new(millis * 1_000_000), wall: Nanos::ZERO };
        let first = distance.to_caller(asked(10), 1_700_000_000_000_000, NO_TIME);
        assert_eq!(first.monotonic, asked(10).monotonic);
        // This answer took 40 ms longer to be worked out.
        let second = distance.to_caller(asked(20), 1_700_000_000_050_000, NO_TIME);
        assert_eq!(second.monotonic, asked(60).monotonic);
        assert_eq!(distance.to_server(second.monotonic), 1_700_000_000_050_000_000);
        // The server's clock was put forward.
        let third = distance.to_caller(asked(30), 1_700_000_060_000_000, NO_TIME);
        assert_eq!(third.monotonic, asked(30).monotonic);
    }
}
