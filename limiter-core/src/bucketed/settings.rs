//! What a [`Bucketed`](super::Bucketed) is made with: strict, or clamped with a list of corrections.

use core::fmt;
use core::time::Duration;

use crate::quota::{MAX_COUNT, MAX_TIME_TO_FULL};
use crate::time::Nanos;

/// Largest size that lenient settings come to.
const MOST: u64 = 100;
/// Longest interval that lenient settings come to.
const DAY: Duration = Duration::from_secs(86_400);

/// How large buckets are and how they refill.
///
/// ```
/// use limiter_core::bucketed::Settings;
/// use std::time::Duration;
///
/// let settings = Settings::new(50, 10, Duration::from_secs(10))?;
/// assert_eq!(settings, Settings::SERVER);
/// assert!(Settings::new(5, 6, Duration::from_secs(1)).is_err());
/// # Ok::<(), limiter_core::bucketed::SettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    size: u64,
    rate: u64,
    interval: Nanos,
    limits_the_last: bool,
}

impl Settings {
    /// For servers: 50 tokens, 10 more every 10 seconds.
    pub const SERVER: Settings =
        Settings { size: 50, rate: 10, interval: Nanos::new(10_000_000_000), limits_the_last: false };
    /// For browsers and other single users: 10 tokens, 1 more every 10 seconds.
    pub const SINGLE_USER: Settings =
        Settings { size: 10, rate: 1, interval: Nanos::new(10_000_000_000), limits_the_last: false };

    /// Buckets of `size` tokens to which every `interval` adds `rate`.
    ///
    /// # Errors
    ///
    /// When the size is not between 1 and [`MAX_COUNT`], the rate not between 1 and the size, or the
    /// interval not between a nanosecond and 100 years.
    pub fn new(size: u64, rate: u64, interval: Duration) -> Result<Self, SettingsError> {
        if !(1..=MAX_COUNT).contains(&size) {
            return Err(SettingsError::Size { size });
        }
        if !(1..=size).contains(&rate) {
            return Err(SettingsError::Rate { rate, size });
        }
        if interval.is_zero() || interval > MAX_TIME_TO_FULL {
            return Err(SettingsError::Interval { interval });
        }
        Ok(Settings { size, rate, interval: Nanos::from(interval), limits_the_last: false })
    }

    /// Limits the call that takes the last token too, as some limiters do: a bucket of `n` lets
    /// `n - 1` calls through, and under steady load `rate - 1` an interval; none at all where the
    /// rate is 1.
    #[must_use]
    pub const fn parity(mut self) -> Self {
        self.limits_the_last = true;
        self
    }

    /// Tokens of a full bucket.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Tokens that an interval adds.
    #[must_use]
    pub const fn rate(&self) -> u64 {
        self.rate
    }

    /// Time between two refills. Zero, which only [`LenientSettings`] can come to, keeps buckets full.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval.get())
    }

    /// Whether the call that takes the last token is limited.
    #[must_use]
    pub const fn limits_the_last(&self) -> bool {
        self.limits_the_last
    }

    pub(super) const fn interval_nanos(&self) -> u64 {
        self.interval.get()
    }
}

/// Settings as they come from a program that takes any number: each is brought into its range
/// instead of being refused.
///
/// The size is held to 0 to 100, the rate to 0 up to the size, the interval to 0 up to a day. What is
/// not a number (`None`, NaN) becomes the upper end. Fractions of a size count as a whole token,
/// fractions of a rate as none.
///
/// ```
/// use limiter_core::bucketed::{Correction, LenientSettings};
///
/// let (settings, corrections) = LenientSettings {
///     size: Some(1000.0),
///     rate: Some(1.0),
///     interval_ms: Some(1000.0),
/// }.clamp();
/// assert_eq!(settings.size(), 100);
/// assert_eq!(corrections, [Correction::Size { given: Some(1000.0), used: 100 }]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LenientSettings {
    /// Tokens of a full bucket.
    pub size: Option<f64>,
    /// Tokens that an interval adds.
    pub rate: Option<f64>,
    /// Milliseconds between two refills.
    pub interval_ms: Option<f64>,
}

/// A setting that was brought into its range; to be logged as a warning.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Correction {
    /// The interval.
    Interval {
        /// What was given.
        given: Option<f64>,
        /// What is used.
        used: Duration,
    },
    /// The rate.
    Rate {
        /// What was given.
        given: Option<f64>,
        /// What is used.
        used: u64,
    },
    /// The size.
    Size {
        /// What was given.
        given: Option<f64>,
        /// What is used.
        used: u64,
    },
}

impl LenientSettings {
    /// The settings that come closest, and what had to be changed for that.
    #[must_use]
    pub fn clamp(self) -> (Settings, Vec<Correction>) {
        let mut corrections = Vec::new();
        let size = hold(self.size, MOST as f64).ceil() as u64;
        if self.size != Some(size as f64) {
            corrections.push(Correction::Size { given: self.size, used: size });
        }
        let rate = hold(self.rate, size as f64).floor() as u64;
        if self.rate != Some(rate as f64) {
            corrections.push(Correction::Rate { given: self.rate, used: rate });
        }
        let held = hold(self.interval_ms, DAY.as_millis() as f64);
        // Rounded up, against the caller; at most a day, so it fits.
        let interval = Nanos::new((held * 1_000_000.0).ceil() as u64);
        if self.interval_ms != Some(held) {
            corrections.push(Correction::Interval { given: self.interval_ms, used: Duration::from(interval) });
        }
        (Settings { size, rate, interval, limits_the_last: false }, corrections)
    }
}

/// Brings a number into 0 to `most`; what is not a number becomes the latter.
fn hold(given: Option<f64>, most: f64) -> f64 {
    given.filter(|number| !number.is_nan()).map_or(most, |number| number.clamp(0.0, most))
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, given) = match self {
            Correction::Interval { given, .. } => ("interval in milliseconds", given),
            Correction::Rate { given, .. } => ("rate", given),
            Correction::Size { given, .. } => ("size", given),
        };
        match given {
            Some(given) => write!(f, "the {what} {given} is out of range, ")?,
            None => write!(f, "the {what} is not a number, ")?,
        }
        match self {
            Correction::Interval { used, .. } => write!(f, "{} is used", used.as_millis()),
            Correction::Rate { used, .. } | Correction::Size { used, .. } => write!(f, "{used} is used"),
        }
    }
}

/// Settings that do not make a limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// No time, or too much of it.
    Interval {
        /// The interval asked for.
        interval: Duration,
    },
    /// No rate, or one above the size.
    Rate {
        /// The rate asked for.
        rate: u64,
        /// The size it must not exceed.
        size: u64,
    },
    /// No tokens, or too many.
    Size {
        /// The size asked for.
        size: u64,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::Interval { interval } => {
                write!(f, "an interval of {interval:?} is out of range; accepted: 1 ns to 100 years")
            }
            SettingsError::Rate { rate, size } => {
                write!(f, "a rate of {rate} does not fit a size of {size}; accepted: 1 to {size}")
            }
            SettingsError::Size { size } => write!(f, "a size of {size} is out of range; accepted: 1 to {MAX_COUNT}"),
        }
    }
}

impl std::error::Error for SettingsError {}
