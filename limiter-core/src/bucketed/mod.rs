//! A small keyed limiter without rules, stores or requests: so many tokens a key, so many more at
//! every interval. It suits client libraries, which limit what they send of each kind.
//!
//! The engine's own form of the same arithmetic is [`Algorithm::Interval`](crate::Algorithm); this
//! one is generic over its key, keeps the phase of a bucket while the bucket is kept, tells a
//! callback when a bucket runs dry, and has a [parity](Settings::parity) mode for programs that
//! moved here from limiters in which the call that takes the last token is itself limited.

mod kind;
mod map;
mod settings;
#[cfg(test)]
mod tests;

use core::fmt;
use core::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::{Clock, ClockHandle, Nanos, SystemClock};
pub use kind::{Cause, kind};
use map::Buckets;
pub use settings::{Correction, LenientSettings, Settings, SettingsError};

/// Buckets kept by default.
pub const DEFAULT_CEILING: usize = 10_000;

/// What is told about each bucket that runs dry.
type OnDrain<K> = Arc<dyn Fn(&K) + Send + Sync>;

/// Limits by key: a bucket of tokens each, refilled at whole intervals after its first use.
///
/// ```
/// use limiter_core::bucketed::{Bucketed, Settings};
/// use std::time::Duration;
///
/// let reports = Bucketed::new(Settings::new(3, 1, Duration::from_secs(10))?);
/// assert!((0..3).all(|_| !reports.is_limited(&"TypeError")));
/// assert!(reports.is_limited(&"TypeError"));
/// assert!(!reports.is_limited(&"ValueError"));
/// # Ok::<(), limiter_core::bucketed::SettingsError>(())
/// ```
pub struct Bucketed<K> {
    settings: Settings,
    clock: ClockHandle,
    ceiling: usize,
    on_drain: Option<OnDrain<K>>,
    buckets: Mutex<Buckets<K>>,
}

/// The answer to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Draw {
    /// Whether the caller should hold back.
    pub limited: bool,
    /// Whether this call took the last token.
    pub drained: bool,
    /// Tokens left.
    pub tokens: u64,
    /// Time to the next interval, whether or not the bucket is full. Zero where intervals have no
    /// length.
    pub refill_after: Duration,
}

impl<K: Hash + Eq + Clone> Bucketed<K> {
    /// A limiter on the machine's clock.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Bucketed {
            settings,
            clock: ClockHandle::System(SystemClock::new()),
            ceiling: DEFAULT_CEILING,
            on_drain: None,
            buckets: Mutex::new(Buckets::new()),
        }
    }

    /// Tells the time by another clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = ClockHandle::guarded(Arc::new(clock));
        self
    }

    /// Keeps up to so many buckets, at least 1. At the ceiling a new key takes the place of a bucket
    /// that is full again, or else of the one nearest to full among a few: a flood of keys then
    /// forgets the flood.
    #[must_use]
    pub fn ceiling(mut self, keys: usize) -> Self {
        self.ceiling = keys.max(1);
        self
    }

    /// Calls `told` with the key once for each time a bucket runs dry: not while it is empty, and
    /// again after it was refilled and ran dry again.
    ///
    /// No lock is held during the call, so it may use the limiter. If it panics, the panic goes up
    /// to the caller and the token stays spent.
    #[must_use]
    pub fn on_drain(mut self, told: impl Fn(&K) + Send + Sync + 'static) -> Self {
        self.on_drain = Some(Arc::new(told));
        self
    }

    /// Takes a token of this key if there is one.
    pub fn draw(&self, key: &K) -> Draw {
        let draw = {
            let mut buckets = self.buckets.lock();
            // Read under the lock: readings taken outside could arrive in another order.
            let now = self.clock.read(false).monotonic;
            buckets.draw(&self.settings, self.ceiling, key, now)
        };
        if draw.drained
            && let Some(told) = &self.on_drain
        {
            told(key);
        }
        draw
    }

    /// Takes a token of this key if there is one, and says whether the caller should hold back.
    #[must_use]
    pub fn is_limited(&self, key: &K) -> bool {
        self.draw(key).limited
    }

    /// Buckets kept, full ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.lock().len()
    }

    /// Whether no bucket is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything: the next use of a key starts a full bucket with a phase of its own.
    pub fn stop(&self) {
        let old = core::mem::replace(&mut *self.buckets.lock(), Buckets::new());
        // Keys are dropped outside the lock.
        drop(old);
    }
}

impl<K> Bucketed<K> {
    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }
}

impl<K> fmt::Debug for Bucketed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucketed")
            .field("settings", &self.settings)
            .field("ceiling", &self.ceiling)
            .finish_non_exhaustive()
    }
}

/// One bucket: the last interval accounted for, and the tokens missing.
#[derive(Clone, Copy)]
struct Bucket {
    edge: Nanos,
    missing: u64,
}
