//! Why a quota or a notation was refused, in words for the person who wrote it.

use alloc::string::String;
use core::error::Error;
use core::fmt::{self, Write as _};
use core::ops::Range;
use core::time::Duration;

use super::cursor::{Fault, is_separator};
use super::notation::Goal;
use super::unit::ACCEPTED;
use super::{MAX_COUNT, NANOS_PER_SEC, Quota};

/// Why a [`Quota`] cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaError {
    /// The burst exceeds [`MAX_COUNT`].
    BurstTooLarge {
        /// The burst asked for.
        burst: u64,
    },
    /// A burst on a quota that denies everything or is unlimited.
    BurstWithoutRate {
        /// The quota without the burst.
        quota: Quota,
    },
    /// The count exceeds [`MAX_COUNT`].
    CountTooLarge {
        /// The count asked for.
        count: u64,
    },
    /// The period is longer than 100 years.
    PeriodTooLong {
        /// The period asked for.
        period: Duration,
    },
    /// The quota would take longer than [`MAX_TIME_TO_FULL`](super::MAX_TIME_TO_FULL) to fill up.
    TimeToFull {
        /// The quota as it would have been; use it for messages only.
        quota: Quota,
    },
    /// The burst is 0.
    ZeroBurst,
    /// The period is zero.
    ZeroPeriod,
}

const YEAR_SECS: u64 = 31_557_600;

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BurstTooLarge { burst } => {
                write!(f, "the burst {burst} is above the maximum of {MAX_COUNT}")
            }
            Self::BurstWithoutRate { quota } => {
                write!(f, "`{quota}` has no rate and takes no burst")
            }
            Self::CountTooLarge { count } => {
                write!(f, "the count {count} is above the maximum of {MAX_COUNT}")
            }
            Self::PeriodTooLong { period } => {
                let years = period.as_secs() / YEAR_SECS;
                write!(f, "the period is over {years} years long, the limit is 100 years")
            }
            Self::TimeToFull { quota } => {
                let nanos = u128::from(quota.burst()) * u128::from(quota.interval_nanos());
                let years = nanos / u128::from(YEAR_SECS * NANOS_PER_SEC);
                write!(f, "`{quota}` takes over {years} years to fill up, the limit is 100 years")
            }
            Self::ZeroBurst => f.write_str("a burst of 0 lets nothing through, use 1 or more, or `0/..` to deny"),
            Self::ZeroPeriod => f.write_str("a period of zero has no length, use 1 or more"),
        }
    }
}

impl Error for QuotaError {}

/// What is wrong with a notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotationErrorKind {
    /// The offset to UTC is malformed, or not shorter than the period.
    BadOffset,
    /// Months and years differ in length.
    CalendarUnit,
    /// The same quota twice in a list.
    Duplicate,
    /// Nothing where a quota or a period must be.
    Empty,
    /// A number with a decimal point.
    Fraction,
    /// An underscore that does not stand between two digits.
    MisplacedUnderscore,
    /// A number is missing, or something else is in its place.
    MissingNumber,
    /// A count without a period.
    MissingPeriod,
    /// A count followed by something else than `/` or `per`.
    MissingSlash,
    /// A period without a unit.
    MissingUnit,
    /// A unit below a second without a multiple.
    MultipleNeeded,
    /// A count or burst above [`MAX_COUNT`], or another number that is too large to read.
    NumberTooLarge,
    /// An offset to UTC on a period that is not a whole number of days.
    OffsetNeedsDays,
    /// The notation is well-formed, the quota it stands for is not possible.
    Quota(QuotaError),
    /// A part that was already given.
    Repeated,
    /// A list where one quota is expected.
    SeveralQuotas,
    /// A number with a sign.
    Sign,
    /// Something after the end of the quota that is none of its parts.
    Unexpected,
    /// A word that is no unit.
    UnknownUnit,
    /// `unlimited` beside other quotas.
    UnlimitedInList,
}

/// A notation that was refused: where, what and what was probably meant.
///
/// # Examples
///
/// ```
/// use limiter_core::quota::{NotationErrorKind, Quota};
///
/// let error = "10/minuts".parse::<Quota>().unwrap_err();
/// assert_eq!(error.kind(), NotationErrorKind::UnknownUnit);
/// assert_eq!((error.offset(), error.fragment()), (3, "minuts"));
/// assert_eq!(error.suggestion(), Some("10/min"));
/// assert_eq!(
///     error.to_string(),
///     "unknown unit `minuts` at byte 3 in `10/minuts`; did you mean `10/min`? \
///      accepted: ms, s, min, h, d, w",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationError {
    input: String,
    suggestion: Option<String>,
    /// Bytes of the input; both ends on character boundaries.
    fragment: Range<usize>,
    kind: NotationErrorKind,
    goal: Goal,
}

impl NotationError {
    pub(super) fn new(goal: Goal, input: &str, fault: Fault, suggestion: Option<String>) -> Self {
        let Fault { at, end, kind } = fault;
        Self { input: input.into(), suggestion, fragment: at..end, kind, goal }
    }

    /// Byte in the text at which the offending fragment begins; its length at most, on a character
    /// boundary.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.fragment.start
    }

    /// The offending part of the text; empty where something is missing.
    #[must_use]
    pub fn fragment(&self) -> &str {
        self.input.get(self.fragment.clone()).unwrap_or_default()
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> NotationErrorKind {
        self.kind
    }

    /// What was probably meant: a notation that is accepted. In a list it stands for the offending
    /// entry, or for the whole list where entries were mistaken for each other.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// Whether the fragment is the first one of its entry.
    fn is_at_start(&self) -> bool {
        let before = self.input.get(..self.offset()).unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with(is_separator)
    }

    /// The complaint and what would have been accepted.
    fn words(&self) -> (&'static str, &'static str) {
        const QUOTA: &str = "`100/min`, `5/15min`, `10/s burst 20`, `unlimited`";
        const WHOLE: &str = "whole numbers such as `1000` or `1_000`";
        const OFFSET: &str = "`utc`, `utc+2`, `utc-3:30`, shorter than the period";
        const PARTS: &str = "`burst 20`, `aligned` or `aligned utc+2` behind a rate";
        let is_missing = self.fragment().is_empty();
        let shape = match self.goal {
            Goal::Duration => "`250ms`, `2 min`",
            Goal::List | Goal::Quota => QUOTA,
            Goal::Period => "`min`, `15min`, `100ms`",
        };
        let is_quota = matches!(self.goal, Goal::List | Goal::Quota);
        match self.kind {
            NotationErrorKind::BadOffset => ("bad utc offset", OFFSET),
            NotationErrorKind::CalendarUnit => ("months and years differ in length, say days instead of", ACCEPTED),
            NotationErrorKind::Duplicate => ("duplicate quota", "each quota once"),
            NotationErrorKind::Empty => ("nothing to read", shape),
            NotationErrorKind::Fraction => ("fraction", WHOLE),
            NotationErrorKind::MisplacedUnderscore => ("misplaced underscore", WHOLE),
            NotationErrorKind::MissingNumber if is_missing => ("number missing", WHOLE),
            NotationErrorKind::MissingNumber => {
                ("expected a number, found", if self.is_at_start() { shape } else { WHOLE })
            }
            NotationErrorKind::MissingPeriod => ("no period after", shape),
            NotationErrorKind::MissingSlash => ("expected `/` or `per`, found", shape),
            NotationErrorKind::MissingUnit if is_missing => ("unit missing", ACCEPTED),
            NotationErrorKind::MissingUnit => ("no unit after", ACCEPTED),
            NotationErrorKind::MultipleNeeded => (
                "a multiple is needed, if only of 1, before",
                if is_quota { "`5/1ms`, `5/100ms`" } else { "`1ms`, `100ms`" },
            ),
            NotationErrorKind::NumberTooLarge => ("number too large", "up to 999999999999999"),
            NotationErrorKind::OffsetNeedsDays => {
                ("utc offset on a period that is not whole days", "periods in d or w, or `aligned`")
            }
            NotationErrorKind::Quota(_) => ("", ""),
            NotationErrorKind::Repeated => ("repeated", PARTS),
            NotationErrorKind::SeveralQuotas => ("expected one quota, found another behind", shape),
            NotationErrorKind::Sign => ("signed number", WHOLE),
            NotationErrorKind::Unexpected => ("unexpected", if is_quota { PARTS } else { shape }),
            NotationErrorKind::UnknownUnit => ("unknown unit", ACCEPTED),
            NotationErrorKind::UnlimitedInList => {
                ("other quotas have no effect beside", "`unlimited` alone, or the others alone")
            }
        }
    }
}

impl fmt::Display for NotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (offset, input) = (self.offset(), Excerpt(&self.input));
        if let NotationErrorKind::Quota(error) = self.kind {
            write!(f, "{error} (byte {offset} in `{input}`)")?;
            return match &self.suggestion {
                Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
                None => Ok(()),
            };
        }
        let (complaint, accepted) = self.words();
        f.write_str(complaint)?;
        if !self.fragment().is_empty() {
            write!(f, " `{}`", Excerpt(self.fragment()))?;
        }
        write!(f, " at byte {offset} in `{input}`; ")?;
        match (&self.suggestion, self.kind) {
            (Some(example), NotationErrorKind::MissingPeriod) => {
                write!(f, "say per what, for example `{example}`; ")?;
            }
            (Some(suggestion), _) => write!(f, "did you mean `{suggestion}`? ")?,
            (None, _) => {}
        }
        write!(f, "accepted: {accepted}")
    }
}

impl Error for NotationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            NotationErrorKind::Quota(error) => Some(error),
            _ => None,
        }
    }
}

/// At most this many characters of a text are shown, so that a mix-up of files stays one line.
const EXCERPT_CHARS: usize = 80;

struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, c) in self.0.chars().enumerate() {
            if index == EXCERPT_CHARS {
                return f.write_str("...");
            }
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}
