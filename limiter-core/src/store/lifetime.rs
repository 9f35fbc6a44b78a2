//! How long a barrier, a counter or an event is kept unless something renews it.

use core::fmt;
use std::time::Duration;

#[cfg(feature = "wait")]
use crate::time::Nanos;

/// A length of time in whole milliseconds, from one to a hundred years. Stores that several
/// processes share count no finer than that.
///
/// ```
/// use limiter_core::store::Lifetime;
/// use std::time::Duration;
///
/// assert_eq!(Lifetime::new(Duration::from_secs(900))?.as_millis(), 900_000);
/// assert_eq!(Lifetime::new(Duration::from_micros(1500))?.as_millis(), 2);
/// assert!(Lifetime::new(Duration::ZERO).is_err());
/// # Ok::<(), limiter_core::store::LifetimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime {
    millis: u64,
}

/// A hundred years.
const LONGEST_MILLIS: u64 = 100 * 366 * 24 * 60 * 60 * 1000;

impl Lifetime {
    /// Fifteen minutes.
    pub const QUARTER_HOUR: Lifetime = Lifetime { millis: 15 * 60 * 1000 };

    /// A lifetime, rounded up to whole milliseconds.
    ///
    /// # Errors
    ///
    /// When it is zero, or longer than a hundred years.
    pub fn new(lifetime: Duration) -> Result<Self, LifetimeError> {
        let millis = lifetime.as_nanos().div_ceil(1_000_000);
        match u64::try_from(millis) {
            Ok(millis @ 1..=LONGEST_MILLIS) => Ok(Lifetime { millis }),
            _ => Err(LifetimeError { lifetime }),
        }
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    #[cfg(feature = "wait")]
    pub(crate) const fn as_nanos(self) -> Nanos {
        Nanos::new(self.millis.saturating_mul(1_000_000))
    }
}

impl TryFrom<Duration> for Lifetime {
    type Error = LifetimeError;

    fn try_from(lifetime: Duration) -> Result<Self, LifetimeError> {
        Lifetime::new(lifetime)
    }
}

impl From<Lifetime> for Duration {
    fn from(lifetime: Lifetime) -> Self {
        Duration::from_millis(lifetime.millis)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from(*self))
    }
}

/// A length of time that is no [`Lifetime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeError {
    lifetime: Duration,
}

impl fmt::Display for LifetimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a lifetime of {:?} is of no use; accepted: 1 ms to 100 years", self.lifetime)
    }
}

impl std::error::Error for LifetimeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_zero_or_beyond_a_century_is_refused() {
        for wrong in [Duration::ZERO, Duration::MAX, Duration::from_millis(LONGEST_MILLIS + 1)] {
            let error = Lifetime::new(wrong).unwrap_err();
            assert!(error.to_string().ends_with("accepted: 1 ms to 100 years"), "{error}");
        }
        assert_eq!(Lifetime::new(Duration::from_nanos(1)).unwrap().as_millis(), 1);
        assert_eq!(Lifetime::new(Duration::from_millis(LONGEST_MILLIS)).unwrap().as_millis(), LONGEST_MILLIS);
    }
}
