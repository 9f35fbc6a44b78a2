//! A clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::{Clock, Nanos};

/// A clock that moves only when told to.
///
/// Clones share their time. A fresh clock stands at a round wall-clock time (2025-01-01T00:00:00Z).
///
/// ```
/// use limiter_core::testing::ManualClock;
/// use limiter_core::time::Clock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let before = clock.monotonic();
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.monotonic().saturating_sub(before).get(), 2_000_000_000);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    times: Arc<Times>,
}

#[derive(Debug)]
struct Times {
    monotonic: AtomicU64,
    wall: AtomicU64,
}

const NEW_YEAR_2025: u64 = 1_735_689_600_000_000_000;
/// Room to step back from.
const START: u64 = 1_000_000_000_000_000;

impl ManualClock {
    /// A clock at 2025-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::at_unix(Duration::from_nanos(NEW_YEAR_2025))
    }

    /// A clock whose wall time is `since_epoch` after the Unix epoch.
    #[must_use]
    pub fn at_unix(since_epoch: Duration) -> Self {
        ManualClock {
            times: Arc::new(Times {
                monotonic: AtomicU64::new(START),
                wall: AtomicU64::new(Nanos::from(since_epoch).get()),
            }),
        }
    }

    /// Moves both times forward.
    pub fn advance(&self, by: Duration) {
        let by = Nanos::from(by).get();
        self.times.monotonic.fetch_add(by, Ordering::SeqCst);
        self.times.wall.fetch_add(by, Ordering::SeqCst);
    }

    /// Steps both times back, as broken machines do; not beyond their origins.
    pub fn step_back(&self, by: Duration) {
        let by = Nanos::from(by).get();
        for time in [&self.times.monotonic, &self.times.wall] {
            let _ = time.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |at| Some(at.saturating_sub(by)));
        }
    }

    /// Sets the wall time alone, as an administrator or a time daemon does.
    pub fn set_wall(&self, since_epoch: Duration) {
        self.times.wall.store(Nanos::from(since_epoch).get(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Nanos {
        Nanos::new(self.times.monotonic.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Nanos {
        Nanos::new(self.times.wall.load(Ordering::SeqCst))
    }
}
