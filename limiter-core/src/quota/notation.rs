//! Text to values: one way in for the attribute and for configuration files.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use super::cursor::{Fault, is_separator};
use super::grammar::{duration, period, quota};
use super::{NotationError, NotationErrorKind, Quota, QuotaList, suggest};

/// What a text is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Duration,
    List,
    Period,
    Quota,
}

impl Goal {
    /// What is wrong with `text`, if anything.
    pub(super) fn fault(self, text: &str) -> Option<Fault> {
        match self {
            Self::Duration => duration(text).err(),
            Self::List => list(text).err(),
            Self::Period => period(text).err(),
            Self::Quota => quota(text).err(),
        }
    }
}

impl FromStr for Quota {
    type Err = NotationError;

    /// Reads one quota.
    ///
    /// # Errors
    ///
    /// When the text does not follow the grammar of the [module](super) or stands for a quota that
    /// cannot be.
    fn from_str(text: &str) -> Result<Self, NotationError> {
        quota(text).map_err(|fault| refusal(Goal::Quota, text, fault))
    }
}

impl FromStr for QuotaList {
    type Err = NotationError;

    /// Reads quotas that are separated by `,` or `;`.
    ///
    /// # Errors
    ///
    /// When an entry is no quota, is missing or stands there twice, or when `unlimited` is not
    /// alone.
    fn from_str(text: &str) -> Result<Self, NotationError> {
        list(text).map(Self::from_checked).map_err(|fault| refusal(Goal::List, text, fault))
    }
}

/// Reads a period, such as `min` or `15 min`, into nanoseconds; never 0.
///
/// # Errors
///
/// When the text is not a unit with an optional whole multiple, the multiple is 0, or the period is
/// longer than 100 years.
///
/// # Examples
///
/// ```
/// use limiter_core::quota::parse_period;
///
/// assert_eq!(parse_period("15 min")?, 900_000_000_000);
/// assert_eq!(parse_period("hour")?, 3_600_000_000_000);
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
pub fn parse_period(text: &str) -> Result<u64, NotationError> {
    period(text).map_err(|fault| refusal(Goal::Period, text, fault))
}

/// Reads a duration, such as `250ms` or `2 min`, into nanoseconds.
///
/// Unlike a period it always has a number, and the number may be 0.
///
/// # Errors
///
/// When the text is not a whole number with a unit, or is longer than 100 years.
///
/// # Examples
///
/// ```
/// use limiter_core::quota::parse_duration;
///
/// assert_eq!(parse_duration("250ms")?, 250_000_000);
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
pub fn parse_duration(text: &str) -> Result<u64, NotationError> {
    duration(text).map_err(|fault| refusal(Goal::Duration, text, fault))
}

fn refusal(goal: Goal, text: &str, fault: Fault) -> NotationError {
    let suggestion: Option<String> = suggest::meant(goal, text, fault);
    NotationError::new(goal, text, fault, suggestion)
}

/// The entries of a list with the byte at which each begins.
pub(super) fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0_usize;
    text.split(is_separator).map(move |entry| {
        let start = next;
        // Both separators are one byte long.
        next = start.saturating_add(entry.len()).saturating_add(1);
        (start, entry)
    })
}

fn list(text: &str) -> Result<Vec<Quota>, Fault> {
    let mut quotas: Vec<Quota> = Vec::new();
    let mut unlimited = None;
    for (base, entry) in entries(text) {
        let found = quota(entry).map_err(|fault| fault.shifted(base))?;
        let blanks = entry.len().saturating_sub(entry.trim_start().len());
        let at = base.saturating_add(blanks);
        let whole = |kind| Fault { at, end: at.saturating_add(entry.trim().len()), kind };
        if quotas.iter().any(|known| is_same_limit(known, &found)) {
            return Err(whole(NotationErrorKind::Duplicate));
        }
        if found.is_unlimited() {
            unlimited = Some(whole(NotationErrorKind::UnlimitedInList));
        }
        quotas.push(found);
    }
    match unlimited {
        Some(fault) if quotas.len() > 1 => Err(fault),
        _ => Ok(quotas),
    }
}

/// `10/s` and `10/s burst 10` are two values and one limit.
fn is_same_limit(a: &Quota, b: &Quota) -> bool {
    a.count() == b.count()
        && a.period_nanos() == b.period_nanos()
        && a.burst() == b.burst()
        && a.alignment() == b.alignment()
}
