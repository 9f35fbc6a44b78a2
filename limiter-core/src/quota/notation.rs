//! The grammar: text to values. One parser for the attribute and for configuration files.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;
use core::time::Duration;

use super::cursor::{Cursor, Fault, is_separator};
use super::{
    Alignment, MAX_NANOS, NANOS_PER_SEC, NotationError, NotationErrorKind, Quota, QuotaError,
    QuotaList, suggest, unit,
};

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
        list(text)
            .map(Self::from_checked)
            .map_err(|fault| refusal(Goal::List, text, fault))
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
        let whole = |kind| Fault {
            at,
            end: at.saturating_add(entry.trim().len()),
            kind,
        };
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

fn quota(text: &str) -> Result<Quota, Fault> {
    let mut cursor = start(text)?;
    if cursor.upcoming().eq_ignore_ascii_case("unlimited") {
        cursor.word();
        end(&cursor)?;
        return Ok(Quota::UNLIMITED);
    }
    let begin = cursor.at();
    let count = cursor.number()?;
    slash(&mut cursor, begin)?;
    let before_period = cursor;
    let (multiple, nanos) = span(&mut cursor)?;
    let period_nanos = bounded(&before_period, &cursor, multiple.unwrap_or(1), nanos)?;
    let built = Quota::from_nanos(count, period_nanos)
        .map_err(|error| cursor.since(begin, NotationErrorKind::Quota(error)))?;
    let built = burst_and_alignment(&mut cursor, begin, built)?;
    end(&cursor)?;
    Ok(built)
}

fn period(text: &str) -> Result<u64, Fault> {
    let before = start(text)?;
    let mut cursor = before;
    let (multiple, nanos) = span(&mut cursor)?;
    let total = bounded(&before, &cursor, multiple.unwrap_or(1), nanos)?;
    end(&cursor)?;
    Ok(total)
}

fn duration(text: &str) -> Result<u64, Fault> {
    let before = start(text)?;
    let mut cursor = before;
    let (multiple, nanos) = span(&mut cursor)?;
    let total = match multiple {
        None => return Err(before.junk(NotationErrorKind::MissingNumber)),
        Some(0) => 0,
        Some(multiple) => bounded(&before, &cursor, multiple, nanos)?,
    };
    end(&cursor)?;
    Ok(total)
}

fn start(text: &str) -> Result<Cursor<'_>, Fault> {
    let mut cursor = Cursor::new(text);
    cursor.skip_blanks();
    match cursor.peek() {
        None => Err(Fault {
            at: 0,
            end: 0,
            kind: NotationErrorKind::Empty,
        }),
        Some(_) => Ok(cursor),
    }
}

fn end(cursor: &Cursor<'_>) -> Result<(), Fault> {
    match cursor.rest().trim_start().chars().next() {
        None => Ok(()),
        Some(c) if is_separator(c) => Err(cursor.junk(NotationErrorKind::SeveralQuotas)),
        Some(_) => Err(cursor.junk(NotationErrorKind::Unexpected)),
    }
}

/// `/` or `per` behind the count that began at `begin`.
fn slash(cursor: &mut Cursor<'_>, begin: usize) -> Result<(), Fault> {
    let before = *cursor;
    if cursor.eat('/') || cursor.word().eq_ignore_ascii_case("per") {
        return Ok(());
    }
    match before.rest().trim_start().chars().next() {
        None => Err(before.since(begin, NotationErrorKind::MissingPeriod)),
        Some(c) if is_separator(c) => Err(before.since(begin, NotationErrorKind::MissingPeriod)),
        Some(_) => Err(before.junk(NotationErrorKind::MissingSlash)),
    }
}

/// An optional multiple and the length of the unit behind it.
fn span(cursor: &mut Cursor<'_>) -> Result<(Option<u64>, u64), Fault> {
    let begin = *cursor;
    let multiple = match begin.rest().trim_start().chars().next() {
        Some('0'..='9' | '_' | '.' | '+' | '-' | '\u{2212}') => Some(cursor.number()?),
        _ => None,
    };
    let before_unit = *cursor;
    let word = cursor.word();
    let unknown = || before_unit.junk(NotationErrorKind::UnknownUnit);
    if word.is_empty() {
        return Err(
            match (before_unit.rest().trim_start().is_empty(), multiple) {
                (true, Some(_)) => begin.junk(NotationErrorKind::MissingUnit),
                (true, None) => before_unit.junk(NotationErrorKind::MissingUnit),
                (false, _) => unknown(),
            },
        );
    }
    if unit::calendar_days(word).is_some() {
        return Err(before_unit.junk(NotationErrorKind::CalendarUnit));
    }
    let unit = unit::find(word).ok_or_else(unknown)?;
    if unit.needs_multiple() && multiple.is_none() {
        return Err(before_unit.junk(NotationErrorKind::MultipleNeeded));
    }
    Ok((multiple, unit.nanos))
}

/// The length of a period that was written between `before` and `after`.
fn bounded(
    before: &Cursor<'_>,
    after: &Cursor<'_>,
    multiple: u64,
    unit_nanos: u64,
) -> Result<u64, Fault> {
    let refuse = |error| {
        let begin = before.junk(NotationErrorKind::MissingUnit).at;
        Err(after.since(begin, NotationErrorKind::Quota(error)))
    };
    // Both factors are below 2^64.
    let total = u128::from(multiple) * u128::from(unit_nanos);
    match u64::try_from(total) {
        Ok(0) => refuse(QuotaError::ZeroPeriod),
        Ok(nanos) if nanos <= MAX_NANOS => Ok(nanos),
        _ => {
            let secs = total / u128::from(NANOS_PER_SEC);
            let secs = u64::try_from(secs).unwrap_or(u64::MAX);
            refuse(QuotaError::PeriodTooLong {
                period: Duration::from_secs(secs),
            })
        }
    }
}

fn burst_and_alignment(
    cursor: &mut Cursor<'_>,
    begin: usize,
    mut quota: Quota,
) -> Result<Quota, Fault> {
    let mut is_aligned = false;
    loop {
        let option = cursor.upcoming();
        let repeated = cursor.junk(NotationErrorKind::Repeated);
        if option.eq_ignore_ascii_case("burst") {
            if quota.has_burst() {
                return Err(repeated);
            }
            cursor.word();
            quota = burst(cursor, begin, quota)?;
        } else if option.eq_ignore_ascii_case("aligned") {
            if is_aligned {
                return Err(repeated);
            }
            cursor.word();
            is_aligned = true;
            let offset_secs = utc_offset(cursor, &quota)?;
            quota = quota.with_alignment(Alignment::Epoch { offset_secs });
        } else {
            return Ok(quota);
        }
    }
}

fn burst(cursor: &mut Cursor<'_>, begin: usize, quota: Quota) -> Result<Quota, Fault> {
    let at = cursor.junk(NotationErrorKind::MissingNumber).at;
    let burst = cursor.number()?;
    quota.with_burst(burst).map_err(|error| {
        // A burst that is wrong by itself is shown alone, one that is too slow with its rate.
        let at = if error == QuotaError::ZeroBurst {
            at
        } else {
            begin
        };
        cursor.since(at, NotationErrorKind::Quota(error))
    })
}

/// `utc`, `utc+2`, `utc-3:30`, or nothing.
fn utc_offset(cursor: &mut Cursor<'_>, quota: &Quota) -> Result<i32, Fault> {
    if !cursor.upcoming().eq_ignore_ascii_case("utc") {
        return Ok(0);
    }
    let begin = cursor.junk(NotationErrorKind::BadOffset).at;
    cursor.word();
    let is_west = if cursor.eat('-') || cursor.eat('\u{2212}') {
        true
    } else if cursor.eat('+') {
        false
    } else {
        return Ok(0);
    };
    let mut secs = cursor.number()?.saturating_mul(3_600);
    for unit_secs in [60, 1] {
        if !cursor.eat(':') {
            break;
        }
        let part = cursor.number()?;
        if part > 59 {
            return Err(cursor.since(begin, NotationErrorKind::BadOffset));
        }
        secs = secs.saturating_add(part.saturating_mul(unit_secs));
    }
    if !quota.has_whole_days() {
        return Err(cursor.since(begin, NotationErrorKind::OffsetNeedsDays));
    }
    match i32::try_from(secs) {
        Ok(offset) if secs < quota.period_nanos() / NANOS_PER_SEC => Ok(if is_west {
            offset.saturating_neg()
        } else {
            offset
        }),
        _ => Err(cursor.since(begin, NotationErrorKind::BadOffset)),
    }
}
