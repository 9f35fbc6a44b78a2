//! Time as integer nanoseconds, and the clocks that produce it.
//!
//! This is the only file of the project that reads a clock. Everything below it receives a
//! [`Now`] as an argument, so that every algorithm is a function of values.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// A point in time or a length of time in whole nanoseconds.
///
/// Arithmetic saturates: an instant far in the future stays far in the future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(u64);

impl Nanos {
    /// The origin, or no time at all.
    pub const ZERO: Nanos = Nanos(0);
    /// The largest value, used as "never".
    pub const MAX: Nanos = Nanos(u64::MAX);

    /// Wraps a count of nanoseconds.
    #[must_use]
    pub const fn new(nanos: u64) -> Self {
        Nanos(nanos)
    }

    /// The count of nanoseconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Adds, staying at [`Nanos::MAX`] on overflow.
    #[must_use]
    pub const fn saturating_add(self, other: Nanos) -> Self {
        Nanos(self.0.saturating_add(other.0))
    }

    /// Subtracts, staying at [`Nanos::ZERO`] below it.
    #[must_use]
    pub const fn saturating_sub(self, other: Nanos) -> Self {
        Nanos(self.0.saturating_sub(other.0))
    }

    /// Whole seconds, rounded up: what a client that waits this long may be told.
    #[must_use]
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(1_000_000_000)
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Duration::from_nanos(nanos.0)
    }
}

/// One reading of a clock: everything a decision may know about time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds since an arbitrary fixed origin; never decreases.
    pub monotonic: Nanos,
    /// Nanoseconds since the Unix epoch; may step either way. Windows that are aligned to the
    /// epoch use it, nothing else does.
    pub wall: Nanos,
}

/// A source of time.
///
/// # Contract
///
/// * [`Clock::monotonic`] counts nanoseconds since an origin that does not move. It should not
///   decrease; a limiter holds time still, and goes on from there, if it does.
/// * [`Clock::wall`] counts nanoseconds since the Unix epoch.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Nanoseconds since a fixed origin.
    fn monotonic(&self) -> Nanos;
    /// Nanoseconds since the Unix epoch.
    fn wall(&self) -> Nanos;
}

/// The machine's clock: the processor's time-stamp counter where it is reliable, the operating
/// system's monotonic clock elsewhere, through `quanta`.
#[derive(Clone)]
pub struct SystemClock {
    clock: quanta::Clock,
    origin: u64,
    /// Nanoseconds in `1 << STRETCH` ticks of the counter.
    scale: u64,
    anchor: Arc<Anchor>,
}

/// What the wall clock was seen to be ahead of the monotonic one: asking the operating system takes longer than a
/// decision does.
#[derive(Default)]
struct Anchor {
    ahead: AtomicU64,
    /// When it was seen; 0 for never.
    seen: AtomicU64,
}

/// For so long nobody looks again: a wall clock that is set to another time is followed soon after.
const ANCHORED: u64 = 100_000_000;

/// Long enough that rounding the scale costs nanoseconds a day, and short enough that it fits.
const STRETCH: u32 = 40;

/// One for all clocks of the process, so that limiters which share a store mean the same by an instant.
static ORIGIN: OnceLock<u64> = OnceLock::new();

/// Where the machine's monotonic time begins: 146 years on, so that what a shared store remembers from
/// before this process was started has an instant too.
const BEGINNING: u64 = 1 << 62;

impl SystemClock {
    /// Calibrates the clock. This takes a while the first time in a process; make one and keep it.
    #[must_use]
    pub fn new() -> Self {
        let clock = quanta::Clock::new();
        let origin = *ORIGIN.get_or_init(|| clock.raw());
        // What quanta would say, as one factor: its own conversion scales both ends of a stretch.
        let scale = clock.delta_as_nanos(origin, origin.saturating_add(1 << STRETCH));
        SystemClock { clock, origin, scale, anchor: Arc::default() }
    }

    /// The wall clock at a monotonic time that was read just now.
    fn wall_at(&self, monotonic: Nanos) -> Nanos {
        let now = monotonic.get();
        // A time before the anchor's is another core's, and as near.
        if now.saturating_sub(self.anchor.seen.load(Ordering::Acquire)) < ANCHORED {
            return Nanos(now.wrapping_add(self.anchor.ahead.load(Ordering::Relaxed)));
        }
        let wall = system_wall();
        self.anchor.ahead.store(wall.get().wrapping_sub(now), Ordering::Relaxed);
        self.anchor.seen.store(now, Ordering::Release);
        wall
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemClock").finish_non_exhaustive()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn monotonic(&self) -> Nanos {
        // Counters of two cores may differ a little: never before the origin.
        let ticks = self.clock.raw().saturating_sub(self.origin);
        let passed = ((u128::from(ticks) * u128::from(self.scale)) >> STRETCH) as u64;
        Nanos(BEGINNING.saturating_add(passed))
    }

    fn wall(&self) -> Nanos {
        system_wall()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
fn system_wall() -> Nanos {
    // A clock set before 1970 reads as the epoch: aligned windows then last until it is set right.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(Nanos::ZERO, Nanos::from)
}

/// The clock of the tokio runtime in which it was made. It stands still, and jumps to the next timer,
/// while that runtime's time is paused: where limits are waited for in tests on paused time, it makes
/// the limiter and the timer agree.
#[cfg(any(feature = "remote", feature = "wait"))]
#[derive(Clone, Debug)]
pub struct TokioClock {
    origin: tokio::time::Instant,
    wall: Nanos,
    /// Threads outside the runtime ask it too.
    runtime: Option<tokio::runtime::Handle>,
}

#[cfg(any(feature = "remote", feature = "wait"))]
impl TokioClock {
    /// A clock that begins now. Wall time is read once; from then on both go alike.
    #[must_use]
    pub fn new() -> Self {
        TokioClock {
            origin: tokio::time::Instant::now(),
            wall: SystemClock::new().wall(),
            runtime: tokio::runtime::Handle::try_current().ok(),
        }
    }

    /// The same as [`monotonic`](Clock::monotonic) for those who are within the runtime already.
    #[cfg(feature = "remote")]
    pub(crate) fn monotonic_within(&self) -> Nanos {
        Nanos::from(self.origin.elapsed())
    }
}

#[cfg(any(feature = "remote", feature = "wait"))]
impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(any(feature = "remote", feature = "wait"))]
impl Clock for TokioClock {
    fn monotonic(&self) -> Nanos {
        let _inside = self.runtime.as_ref().map(tokio::runtime::Handle::enter);
        Nanos::from(self.origin.elapsed())
    }

    fn wall(&self) -> Nanos {
        self.wall.saturating_add(self.monotonic())
    }
}

/// The clock of a limiter: the machine's own without indirection, or any other behind a guard.
#[derive(Clone, Debug)]
pub(crate) enum ClockHandle {
    System(SystemClock),
    Guarded(Arc<Guarded>),
}

impl ClockHandle {
    pub(crate) fn guarded(clock: Arc<dyn Clock>) -> Self {
        let raw = clock.monotonic();
        ClockHandle::Guarded(Arc::new(Guarded { clock, seen: Mutex::new(Seen { raw, steady: raw }) }))
    }

    /// Reads the clock once. The wall clock is read only for those who need it.
    #[inline]
    pub(crate) fn read(&self, wall: bool) -> Now {
        match self {
            ClockHandle::System(clock) => {
                let monotonic = clock.monotonic();
                Now { monotonic, wall: if wall { clock.wall_at(monotonic) } else { Nanos::ZERO } }
            }
            ClockHandle::Guarded(guarded) => guarded.read(),
        }
    }

    pub(crate) fn wall(&self) -> Nanos {
        match self {
            ClockHandle::System(clock) => clock.wall(),
            ClockHandle::Guarded(guarded) => guarded.clock.wall(),
        }
    }
}

/// Holds time still when a clock steps back, and goes on from there when it moves again: a step
/// neither refills a quota nor locks its holder out until the clock has caught up.
#[derive(Debug)]
pub(crate) struct Guarded {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    raw: Nanos,
    steady: Nanos,
}

impl Guarded {
    fn read(&self) -> Now {
        // Read under the lock: readings taken outside could arrive in another order and look like steps.
        let mut seen = self.seen.lock();
        let raw = self.clock.monotonic();
        seen.steady = seen.steady.saturating_add(raw.saturating_sub(seen.raw));
        seen.raw = raw;
        Now { monotonic: seen.steady, wall: self.clock.wall() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[test]
    fn a_clock_that_steps_back_holds_time_still_and_goes_on() {
        let manual = ManualClock::new();
        let handle = ClockHandle::guarded(Arc::new(manual.clone()));
        let start = handle.read(false).monotonic;
        manual.advance(Duration::from_secs(10));
        let before = handle.read(false).monotonic;
        assert_eq!(before.saturating_sub(start), Nanos::new(10_000_000_000));
        manual.step_back(Duration::from_secs(3600));
        assert_eq!(handle.read(false).monotonic, before);
        manual.advance(Duration::from_secs(5));
        assert_eq!(handle.read(false).monotonic.saturating_sub(before), Nanos::new(5_000_000_000));
    }

    #[test]
    fn the_machines_clock_does_not_go_back() {
        let clock = SystemClock::new();
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
        assert!(clock.wall() > Nanos::new(1_600_000_000_000_000_000));
    }

    #[test]
    fn the_wall_clock_that_is_read_with_the_other_is_the_systems() {
        let clock = SystemClock::new();
        for _ in 0..100 {
            let now = clock.monotonic();
            let (before, told, after) = (clock.wall(), clock.wall_at(now), clock.wall());
            // A machine that sets its clock meanwhile may try again.
            let slack = Nanos::new(ANCHORED);
            assert!(told.saturating_add(slack) >= before && told <= after.saturating_add(slack));
        }
        // Long after it was looked at last, it is looked at again.
        let later = clock.monotonic().saturating_add(Nanos::new(1 << 50));
        assert!(clock.wall_at(later) <= clock.wall());
    }

    #[test]
    fn seconds_round_up() {
        assert_eq!(Nanos::new(1).as_secs_ceil(), 1);
        assert_eq!(Nanos::new(1_900_000_000).as_secs_ceil(), 2);
        assert_eq!(Nanos::new(2_000_000_000).as_secs_ceil(), 2);
        assert_eq!(Nanos::ZERO.as_secs_ceil(), 0);
    }
}
