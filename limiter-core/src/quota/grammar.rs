//! The grammar of one quota, one period, one duration.

use core::time::Duration;

use super::cursor::{Cursor, Fault, MINUS, is_separator};
use super::{Alignment, MAX_COUNT, MAX_NANOS, NANOS_PER_SEC, NotationErrorKind, Quota, QuotaError, unit};

pub(super) fn quota(text: &str) -> Result<Quota, Fault> {
    let mut cursor = start(text)?;
    if cursor.upcoming().eq_ignore_ascii_case("unlimited") {
        cursor.word();
        end(&cursor)?;
        return Ok(Quota::UNLIMITED);
    }
    let begin = cursor.at();
    let count = cursor.number(MAX_COUNT)?;
    slash(&mut cursor, begin)?;
    let before_period = cursor;
    let (multiple, nanos) = span(&mut cursor)?;
    let period_nanos = bounded(&before_period, &cursor, multiple.unwrap_or(1), nanos)?;
    let built =
        Quota::from_nanos(count, period_nanos).map_err(|error| cursor.since(begin, NotationErrorKind::Quota(error)))?;
    let built = burst_and_alignment(&mut cursor, begin, built)?;
    end(&cursor)?;
    Ok(built)
}

pub(super) fn period(text: &str) -> Result<u64, Fault> {
    let before = start(text)?;
    let mut cursor = before;
    let (multiple, nanos) = span(&mut cursor)?;
    let total = bounded(&before, &cursor, multiple.unwrap_or(1), nanos)?;
    end(&cursor)?;
    Ok(total)
}

pub(super) fn duration(text: &str) -> Result<u64, Fault> {
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
        None => Err(Fault { at: 0, end: 0, kind: NotationErrorKind::Empty }),
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
        Some('0'..='9' | '_' | '.' | '+' | '-' | MINUS) => Some(cursor.number(u64::MAX)?),
        _ => None,
    };
    let before_unit = *cursor;
    let word = cursor.word();
    let unknown = || before_unit.junk(NotationErrorKind::UnknownUnit);
    if word.is_empty() {
        return Err(match (before_unit.rest().trim_start().is_empty(), multiple) {
            (true, Some(_)) => begin.junk(NotationErrorKind::MissingUnit),
            (true, None) => before_unit.junk(NotationErrorKind::MissingUnit),
            (false, _) => unknown(),
        });
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
fn bounded(before: &Cursor<'_>, after: &Cursor<'_>, multiple: u64, unit_nanos: u64) -> Result<u64, Fault> {
    let refuse = |error| {
        let begin = before.next_at();
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
            refuse(QuotaError::PeriodTooLong { period: Duration::from_secs(secs) })
        }
    }
}

fn burst_and_alignment(cursor: &mut Cursor<'_>, begin: usize, mut quota: Quota) -> Result<Quota, Fault> {
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
    let at = cursor.next_at();
    let burst = cursor.number(MAX_COUNT)?;
    quota.with_burst(burst).map_err(|error| {
        // A burst that is wrong by itself is shown alone, one that is too slow with its rate.
        let at = if error == QuotaError::ZeroBurst { at } else { begin };
        cursor.since(at, NotationErrorKind::Quota(error))
    })
}

/// `utc`, `utc+2`, `utc-3:30`, or nothing.
fn utc_offset(cursor: &mut Cursor<'_>, quota: &Quota) -> Result<i32, Fault> {
    if !cursor.upcoming().eq_ignore_ascii_case("utc") {
        return Ok(0);
    }
    let begin = cursor.next_at();
    cursor.word();
    let is_west = if cursor.eat('-') || cursor.eat(MINUS) {
        true
    } else if cursor.eat('+') {
        false
    } else {
        return Ok(0);
    };
    let mut secs = cursor.number(u64::MAX)?.saturating_mul(3_600);
    for unit_secs in [60, 1] {
        if !cursor.eat(':') {
            break;
        }
        let part = cursor.number(u64::MAX)?;
        if part > 59 {
            return Err(cursor.since(begin, NotationErrorKind::BadOffset));
        }
        secs = secs.saturating_add(part.saturating_mul(unit_secs));
    }
    if !quota.has_whole_days() {
        return Err(cursor.since(begin, NotationErrorKind::OffsetNeedsDays));
    }
    match i32::try_from(secs) {
        Ok(offset) if secs < quota.period_nanos() / NANOS_PER_SEC => {
            Ok(if is_west { offset.saturating_neg() } else { offset })
        }
        _ => Err(cursor.since(begin, NotationErrorKind::BadOffset)),
    }
}
