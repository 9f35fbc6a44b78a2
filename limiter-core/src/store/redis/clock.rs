//! Two clocks: the server's, by which everything is counted, and the caller's, on which answers are
//! given. What was told of an instant has to mean the same when it comes back with a refund, so the
//! distance between the two stays as it was first seen, until it is seen to be wrong.

use parking_lot::Mutex;

use crate::time::{Nanos, Now};

/// Answers take up to this long without the distance being taken for wrong: 100 ms.
const SLACK: i64 = 100_000_000;

/// How far the server's clock is ahead of the caller's monotonic one.
#[derive(Debug, Default)]
pub(super) struct Distance(Mutex<Option<i64>>);

impl Distance {
    /// The server's instant, in microseconds since the epoch, in terms of the clock that read `asked`
    /// before the server was asked.
    pub(super) fn to_caller(&self, asked: Now, server_micros: u64) -> Now {
        let server = signed(server_micros.saturating_mul(1000));
        let sample = server.saturating_sub(signed(asked.monotonic.get()));
        let mut known = self.0.lock();
        let distance = match *known {
            Some(distance) if (sample - distance).abs() <= SLACK => distance,
            _ => *known.insert(sample),
        };
        let monotonic = u64::try_from(server.saturating_sub(distance)).unwrap_or(0);
        Now { monotonic: Nanos::new(monotonic), wall: Nanos::new(server_micros.saturating_mul(1000)) }
    }

    /// The other way round, in nanoseconds; 0 where nothing is known yet.
    pub(super) fn to_server(&self, instant: Nanos) -> u64 {
        let Some(distance) = *self.0.lock() else { return 0 };
        u64::try_from(signed(instant.get()).saturating_add(distance)).unwrap_or(0)
    }
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_back_as_it_went_however_long_answers_take() {
        let distance = Distance::default();
        let asked = |millis: u64| Now { monotonic: Nanos::new(millis * 1_000_000), wall: Nanos::ZERO };
        let first = distance.to_caller(asked(10), 1_700_000_000_000_000);
        assert_eq!(first.monotonic, asked(10).monotonic);
        // This answer took 40 ms longer to be worked out.
        let second = distance.to_caller(asked(20), 1_700_000_000_050_000);
        assert_eq!(second.monotonic, asked(60).monotonic);
        assert_eq!(distance.to_server(second.monotonic), 1_700_000_000_050_000_000);
        // The server's clock was put forward.
        let third = distance.to_caller(asked(30), 1_700_000_060_000_000);
        assert_eq!(third.monotonic, asked(30).monotonic);
    }
}
