//! How much per how long: the [`Quota`] value and its one notation.
//!
//! The attribute and configuration files read quotas with the parser in this module, so that they
//! can never disagree about what `10/s burst 20` means:
//!
//! ```text
//! N/[k]unit [burst B] [aligned [utc[+-h[:mm]]]]     N per [k] unit ..     0/unit     unlimited
//! ```
//!
//! Units are `s`, `m` or `min`, `h`, `d`, `w` with their long names, in any case (`M` is a minute),
//! and `ms`, which needs a multiple: `5/100ms`. Months and years differ in length and are refused.
//! Numbers are whole and may hold underscores. `burst` is the total capacity. `aligned` starts
//! windows on the clock instead of at the first request; an offset to UTC takes whole days.
//! `0/..` denies everything, `unlimited` exempts. Entries of a list are separated by `,` or `;`.
//!
//! | file | role |
//! |---|---|
//! | `mod.rs` | [`Quota`], [`Alignment`]: values that are right by construction |
//! | `list.rs` | [`QuotaList`]: several quotas that apply together |
//! | `notation.rs` | text to values: what the attribute and configuration files call |
//! | `grammar.rs` | the rules of one quota, period or duration |
//! | `cursor.rs` | words and numbers of a text, with their places |
//! | `unit.rs` | the units of time and their spellings |
//! | `display.rs` | values to their canonical text |
//! | `suggest.rs` | what the writer of a refused notation probably meant |
//! | `error.rs` | [`QuotaError`], [`NotationError`] |

mod cursor;
mod display;
mod error;
mod grammar;
mod list;
mod notation;
mod suggest;
mod unit;

use core::time::Duration;

pub use error::{NotationError, NotationErrorKind, QuotaError};
pub use list::QuotaList;
pub use notation::{parse_duration, parse_period};

/// Largest count or burst of a quota: what an integer in a `RateLimit` header field can carry.
pub const MAX_COUNT: u64 = 999_999_999_999_999;

/// Longest period, and longest time an empty quota may take to fill up: 100 years of 365.25 days.
///
/// A quota that takes longer was not meant, and the limit keeps sums of instants far from overflow.
pub const MAX_TIME_TO_FULL: Duration = Duration::from_secs(36_525 * 86_400);

const NANOS_PER_SEC: u64 = 1_000_000_000;
const MAX_NANOS: u64 = 36_525 * 86_400 * NANOS_PER_SEC;

/// A count above [`MAX_COUNT`] cannot be built otherwise, so it marks the quota without a limit.
const UNLIMITED_COUNT: u64 = u64::MAX;

/// Where the periods of a window begin.
///
/// ```
/// use limiter_core::quota::{Alignment, Quota};
///
/// let daily: Quota = "1000/day aligned utc+5:30".parse()?;
/// assert_eq!(daily.alignment(), Alignment::Epoch { offset_secs: 19_800 });
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alignment {
    /// Whole periods since the Unix epoch: hours begin on the hour, days at midnight. Weeks begin on
    /// Thursday, the weekday of the epoch.
    Epoch {
        /// Seconds that local time is ahead of UTC (east is positive), so that days begin at local
        /// midnight.
        offset_secs: i32,
    },
    /// At the first request of a key.
    #[default]
    FirstHit,
}

/// How much per how long, with an optional burst capacity.
///
/// Every value keeps these promises: the period is between 1 ns and 100 years; count and burst are
/// at most [`MAX_COUNT`]; the time in which an empty quota fills up is at most [`MAX_TIME_TO_FULL`].
///
/// # Examples
///
/// ```
/// use limiter_core::quota::Quota;
/// use core::time::Duration;
///
/// let quota: Quota = "10 per second burst 20".parse()?;
/// assert_eq!(quota, Quota::per_second(10).with_burst(20)?);
/// assert_eq!((quota.count(), quota.period(), quota.burst()), (10, Duration::from_secs(1), 20));
/// assert_eq!(quota.to_string(), "10/s burst 20");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    count: u64,
    period_nanos: u64,
    /// Kept, because decisions need it and a division costs more than eight bytes.
    interval_nanos: u64,
    /// Explicit capacity; 0 where the count is the capacity.
    burst: u64,
    alignment: Alignment,
}

impl Quota {
    /// The quota that exempts: nothing is ever refused.
    pub const UNLIMITED: Self = Self {
        count: UNLIMITED_COUNT,
        period_nanos: NANOS_PER_SEC,
        interval_nanos: 1,
        burst: 0,
        alignment: Alignment::FirstHit,
    };

    /// `count` per `period`; a count of 0 denies everything.
    ///
    /// # Errors
    ///
    /// When the period is zero or longer than 100 years, the count exceeds [`MAX_COUNT`], or the
    /// quota would take longer than [`MAX_TIME_TO_FULL`] to fill up.
    pub const fn new(count: u64, period: Duration) -> Result<Self, QuotaError> {
        let nanos = period.as_nanos();
        if nanos > MAX_NANOS as u128 {
            return Err(QuotaError::PeriodTooLong { period });
        }
        // Cannot truncate: the limit above is far below 2^64.
        Self::from_nanos(count, nanos as u64)
    }

    /// [`new`](Self::new) with the period in nanoseconds.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use limiter_core::quota::Quota;
    ///
    /// const LOGIN: Quota = match Quota::from_nanos(5, 900_000_000_000) {
    ///     Ok(quota) => quota,
    ///     Err(_) => panic!("a constant quota is valid"),
    /// };
    /// assert_eq!(LOGIN.to_string(), "5/15min");
    /// ```
    pub const fn from_nanos(count: u64, period_nanos: u64) -> Result<Self, QuotaError> {
        if count > MAX_COUNT {
            return Err(QuotaError::CountTooLarge { count });
        }
        if period_nanos == 0 {
            return Err(QuotaError::ZeroPeriod);
        }
        if period_nanos > MAX_NANOS {
            return Err(QuotaError::PeriodTooLong { period: Duration::from_nanos(period_nanos) });
        }
        Self::raw(count, period_nanos).filled_in_time()
    }

    /// `count` per second; a count above [`MAX_COUNT`] becomes that, 0 denies everything.
    ///
    /// The smallest interval is a nanosecond, so no quota lets more than 10^9 a second through on
    /// average.
    #[must_use]
    pub const fn per_second(count: u64) -> Self {
        Self::capped(count, NANOS_PER_SEC)
    }

    /// `count` per minute; a count above [`MAX_COUNT`] becomes that, 0 denies everything.
    #[must_use]
    pub const fn per_minute(count: u64) -> Self {
        Self::capped(count, 60 * NANOS_PER_SEC)
    }

    /// `count` per hour; a count above [`MAX_COUNT`] becomes that, 0 denies everything.
    #[must_use]
    pub const fn per_hour(count: u64) -> Self {
        Self::capped(count, 3_600 * NANOS_PER_SEC)
    }

    /// `count` per 24 hours; a count above [`MAX_COUNT`] becomes that, 0 denies everything.
    #[must_use]
    pub const fn per_day(count: u64) -> Self {
        Self::capped(count, 86_400 * NANOS_PER_SEC)
    }

    /// Sets the total capacity (not an addition to the count).
    ///
    /// # Errors
    ///
    /// When the burst is 0 or exceeds [`MAX_COUNT`], when there is no rate it could belong to (the
    /// quota denies everything or is unlimited), or when the quota would take longer than
    /// [`MAX_TIME_TO_FULL`] to fill up.
    pub const fn with_burst(mut self, burst: u64) -> Result<Self, QuotaError> {
        if burst == 0 {
            return Err(QuotaError::ZeroBurst);
        }
        if burst > MAX_COUNT {
            return Err(QuotaError::BurstTooLarge { burst });
        }
        if self.denies_all() || self.is_unlimited() {
            return Err(QuotaError::BurstWithoutRate { quota: self });
        }
        self.burst = burst;
        self.filled_in_time()
    }

    /// Sets where windows begin.
    ///
    /// An offset matters to whole days only: it is reduced to less than one period, which moves no
    /// window, and is dropped where the period is not a whole number of days. An unlimited quota has
    /// no windows and stays as it is.
    #[must_use]
    pub const fn with_alignment(mut self, alignment: Alignment) -> Self {
        if self.is_unlimited() {
            return self;
        }
        self.alignment = match alignment {
            Alignment::Epoch { offset_secs } if self.has_whole_days() => {
                let period_secs = (self.period_nanos / NANOS_PER_SEC) as i64;
                // The remainder is no larger than the offset, so it fits.
                Alignment::Epoch { offset_secs: (offset_secs as i64 % period_secs) as i32 }
            }
            Alignment::Epoch { .. } => Alignment::Epoch { offset_secs: 0 },
            Alignment::FirstHit => Alignment::FirstHit,
        };
        self
    }

    /// Units per period; `u64::MAX` when unlimited.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Length of the period in nanoseconds, never 0.
    #[must_use]
    pub const fn period_nanos(&self) -> u64 {
        self.period_nanos
    }

    /// Length of the period, never zero.
    #[must_use]
    pub const fn period(&self) -> Duration {
        Duration::from_nanos(self.period_nanos)
    }

    /// Total capacity: the explicit burst, else the count.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        if self.has_burst() { self.burst } else { self.count }
    }

    /// Whether the capacity was given explicitly.
    #[must_use]
    pub const fn has_burst(&self) -> bool {
        self.burst != 0
    }

    /// Whether this is [`UNLIMITED`](Self::UNLIMITED).
    #[must_use]
    pub const fn is_unlimited(&self) -> bool {
        self.count == UNLIMITED_COUNT
    }

    /// Whether the count is 0, so that everything is refused.
    #[must_use]
    pub const fn denies_all(&self) -> bool {
        self.count == 0
    }

    /// Nanoseconds in which one unit comes back: period / count, rounded up against the caller.
    ///
    /// Never 0. It is the whole period for a count of 0, and 1 when unlimited, where it means
    /// nothing.
    ///
    /// ```
    /// use limiter_core::quota::Quota;
    ///
    /// assert_eq!(Quota::per_second(7).interval_nanos(), 142_857_143);
    /// ```
    #[must_use]
    pub const fn interval_nanos(&self) -> u64 {
        self.interval_nanos
    }

    /// Where windows begin.
    #[must_use]
    pub const fn alignment(&self) -> Alignment {
        self.alignment
    }

    const fn capped(count: u64, period_nanos: u64) -> Self {
        Self::raw(if count > MAX_COUNT { MAX_COUNT } else { count }, period_nanos)
    }

    const fn raw(count: u64, period_nanos: u64) -> Self {
        let interval_nanos = if count == 0 { period_nanos } else { period_nanos.div_ceil(count) };
        Self { count, period_nanos, interval_nanos, burst: 0, alignment: Alignment::FirstHit }
    }

    const fn has_whole_days(&self) -> bool {
        self.period_nanos.is_multiple_of(86_400 * NANOS_PER_SEC)
    }

    const fn filled_in_time(self) -> Result<Self, QuotaError> {
        // Both factors are below 2^64.
        let nanos = self.burst() as u128 * self.interval_nanos as u128;
        if nanos > MAX_NANOS as u128 {
            return Err(QuotaError::TimeToFull { quota: self });
        }
        Ok(self)
    }
}
