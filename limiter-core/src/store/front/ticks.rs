//! The clock by which deadlines are kept.

#[cfg(any(feature = "redis", feature = "memcached"))]
use crate::time::{Clock, SystemClock};
use crate::time::{Nanos, TokioClock};

#[derive(Debug)]
pub(super) enum Ticks {
    /// The runtime's, which tests hold.
    Runtime(TokioClock),
    /// The machine's, which is read in a fraction of the time: servers go by that alone.
    #[cfg(any(feature = "redis", feature = "memcached"))]
    Machine(SystemClock),
}

impl Ticks {
    #[inline]
    pub(super) fn now(&self) -> Nanos {
        match self {
            Ticks::Runtime(clock) => clock.monotonic_within(),
            #[cfg(any(feature = "redis", feature = "memcached"))]
            Ticks::Machine(clock) => clock.monotonic(),
        }
    }
}
