//! What the writer of a refused notation probably meant.
//!
//! A guess is offered only when the parser accepts it, so a suggestion never leads to the next
//! error.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::cursor::{Cursor, Fault, is_separator};
use super::notation::{Goal, entries};
use super::unit::{self, UNITS};
use super::{NotationErrorKind, QuotaError};

/// A text with more slips than this is not close to anything.
const MAX_REPAIRS: usize = 4;

/// Longer texts are some other file; guessing at them costs time and helps nobody.
const MAX_LENGTH: usize = 200;

pub(super) fn meant(goal: Goal, text: &str, fault: Fault) -> Option<String> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    if let Some(guess) = foreign(goal, text).and_then(|guess| repaired(goal, guess)) {
        return Some(guess);
    }
    if goal != Goal::List {
        return repaired(goal, text.trim().to_string());
    }
    let (_, entry) = entries(text).filter(|(start, _)| *start <= fault.at).last()?;
    // A fault that is about the list is not found in the entry, which is no suggestion then.
    Goal::Quota.fault(entry)?;
    repaired(Goal::Quota, entry.trim().to_string())
}

/// Repairs one fault after the other until the text is accepted.
fn repaired(goal: Goal, mut text: String) -> Option<String> {
    for _ in 0..MAX_REPAIRS {
        let Some(fault) = goal.fault(&text) else {
            return Some(text);
        };
        text = repair(goal, &text, fault)?;
    }
    goal.fault(&text).is_none().then_some(text)
}

fn repair(goal: Goal, text: &str, fault: Fault) -> Option<String> {
    let (before, found, after) = (text.get(..fault.at)?, text.get(fault.at..fault.end)?, text.get(fault.end..)?);
    let instead = |new: &str| Some(format!("{before}{new}{after}"));
    match fault.kind {
        NotationErrorKind::BadOffset => clock_offset(found).and_then(|new| instead(&new)),
        NotationErrorKind::CalendarUnit if !before.trim_end().ends_with(|c: char| c.is_ascii_digit()) => {
            instead(unit::calendar_days(found)?)
        }
        NotationErrorKind::Fraction => whole_ratio(before, found, after),
        NotationErrorKind::MisplacedUnderscore => instead(&found.replace('_', "")),
        NotationErrorKind::MissingNumber => match found.strip_prefix(['=', ':']) {
            Some(number) => instead(&format!(" {number}")),
            None if goal == Goal::Duration => instead(&format!("1{found}")),
            None if before.is_empty() => instead(keyword(found)?),
            None => None,
        },
        NotationErrorKind::MissingPeriod => instead(&format!("{found}/min")),
        NotationErrorKind::MissingSlash => slashed(before, found, after),
        NotationErrorKind::MissingUnit if found.is_empty() => instead("min"),
        // A bare number counts minutes where the attribute takes one, and seconds elsewhere.
        NotationErrorKind::MissingUnit if goal == Goal::Period => instead(&format!("{found}min")),
        NotationErrorKind::MissingUnit => instead(&format!("{found}s")),
        NotationErrorKind::MultipleNeeded => instead(&format!("1{found}")),
        NotationErrorKind::Quota(QuotaError::ZeroBurst) => {
            Some(before.trim_end().strip_suffix("burst")?.trim_end().to_string() + after)
        }
        NotationErrorKind::Sign => instead(found.strip_prefix('+')?),
        NotationErrorKind::Unexpected => instead(part(found)?),
        NotationErrorKind::UnknownUnit => instead(nearest_unit(found)?),
        _ => None,
    }
}

/// Spellings of other systems that go beyond one word, rewritten as far as the repairs need it.
fn foreign(goal: Goal, text: &str) -> Option<String> {
    if !matches!(goal, Goal::List | Goal::Quota) {
        return None;
    }
    // `rate=10r/s burst=20 nodelay`
    if let Some(rate) = text.trim().strip_prefix("rate=") {
        return Some(rate.replace("burst=", "burst ").replace("nodelay", "").trim().to_string());
    }
    // `10/s|100/h`
    if goal == Goal::List && text.contains('|') {
        return Some(text.replace('|', ", "));
    }
    let (left, right) = text.split_once(is_separator)?;
    let (left, right) = (left.trim(), right.trim());
    // `10/s, burst 20`
    let option = Cursor::new(right).upcoming();
    if ["burst", "aligned"].iter().any(|name| name.eq_ignore_ascii_case(option)) {
        return Some(format!("{left} {right}"));
    }
    if !is_digits(left) {
        return None;
    }
    // `1,000/min`
    let digits = right.find(|c: char| !c.is_ascii_digit()).unwrap_or(right.len());
    if digits == 3 && left.len() <= 3 {
        // `60,120` could be either, and a wrong guess is worse than none.
        let is_clear = right.starts_with("000") || !is_digits(right);
        return is_clear.then(|| format!("{left}_{right}"));
    }
    // `60,1` counts minutes
    if is_digits(right) {
        return Some(if right == "1" { format!("{left}/min") } else { format!("{left}/{right}min") });
    }
    // `10, "10 s"`
    let right = right.trim_matches('"');
    Goal::Duration.fault(right).is_none().then(|| format!("{left}/{}", right.replace(' ', "")))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A slash where the count is followed by something else.
fn slashed(before: &str, found: &str, after: &str) -> Option<String> {
    const REQUESTS: &[&str] = &["call", "calls", "hit", "hits", "r", "req", "reqs", "request", "requests", "times"];
    const PER: &[&str] = &["a", "an", "each", "every", "in"];
    let lower = found.to_ascii_lowercase();
    let count = before.trim_end();
    if REQUESTS.contains(&lower.as_str()) {
        return Some(format!("{count}{after}"));
    }
    if PER.contains(&lower.as_str()) {
        return Some(format!("{count}/{}", after.trim_start()));
    }
    if lower == "k" {
        return Some(format!("{count}_000{after}"));
    }
    // `100rpm`
    let word = lower.strip_prefix("rp").or(lower.strip_prefix("qp")).unwrap_or(&lower);
    // `1000-H`, `100:min`, `100 min`
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    let is_period = unit::find(word).is_some() || (word.is_empty() && !after.trim().is_empty());
    is_period.then(|| format!("{count}/{word}{after}"))
}

/// `0.5` per second is `1` per 2 seconds: both sides grow by the same power of ten, then shrink.
fn whole_ratio(before: &str, found: &str, after: &str) -> Option<String> {
    if !before.is_empty() {
        return None;
    }
    let (whole, decimals) = found.split_once('.')?;
    let ten_fold = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let count: u64 = format!("{whole}{decimals}").parse().ok()?;
    let common = greatest_common_divisor(count, ten_fold);
    let (count, periods) = (count.checked_div(common)?, ten_fold.checked_div(common)?);
    if periods == 1 {
        return Some(format!("{count}{after}"));
    }
    let rest = after.trim_start();
    let unit = rest.strip_prefix('/').or(rest.strip_prefix("per "))?.trim_start();
    unit.starts_with(char::is_alphabetic).then(|| format!("{count}/{periods}{unit}"))
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a.max(1)
}

/// `utc+530` for `utc+5:30`.
fn clock_offset(found: &str) -> Option<String> {
    let split = found.len().checked_sub(2)?;
    let (hours, minutes) = (found.get(..split)?, found.get(split..)?);
    (is_digits(minutes) && hours.ends_with(|c: char| c.is_ascii_digit())).then(|| format!("{hours}:{minutes}"))
}

/// A whole quota that is one word.
fn keyword(found: &str) -> Option<&'static str> {
    const UNLIMITED: &[&str] = &["inf", "infinite", "infinity", "no", "none", "off", "unbounded"];
    let lower = found.to_ascii_lowercase();
    (UNLIMITED.contains(&lower.as_str()) || is_near(&lower, "unlimited")).then_some("unlimited")
}

/// A misspelled part behind the period.
fn part(found: &str) -> Option<&'static str> {
    let lower = found.to_ascii_lowercase();
    if lower == "utc" || lower == "gmt" {
        return Some("aligned utc");
    }
    ["burst", "aligned"].into_iter().find(|name| is_near(&lower, name))
}

fn is_near(word: &str, name: &str) -> bool {
    distance(word, name) <= name.len() / 3
}

/// The canonical name of the one unit that `word` is closest to.
fn nearest_unit(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    // A slip in a single letter could mean any unit.
    if word.chars().count() < 2 {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    let mut best = None;
    for unit in UNITS {
        for name in unit.names {
            let distance = distance(&word, name);
            if distance > allowed {
                continue;
            }
            // Of two names equally far, the one that was only cut short is meant.
            let rank = (distance, !name.starts_with(word.as_str()));
            match best {
                Some((known, _)) if known < rank => {}
                Some((known, other)) if known == rank && other != Some(unit) => {
                    best = Some((rank, None));
                }
                _ => best = Some((rank, Some(unit))),
            }
        }
    }
    best?.1.map(unit::Unit::canonical)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut new = Vec::with_capacity(old.len());
        new.push(i.saturating_add(1));
        for (j, to) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX);
            let next = j.saturating_add(1);
            let mut cost = cell(&old, j).saturating_add(usize::from(from != to));
            cost = cost.min(cell(&old, next).saturating_add(1));
            cost = cost.min(cell(&new, j).saturating_add(1));
            if i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from) {
                cost = cost.min(cell(&older, j - 1).saturating_add(1));
            }
            new.push(cost);
        }
        older = core::mem::replace(&mut old, new);
    }
    old.last().copied().unwrap_or_default()
}
