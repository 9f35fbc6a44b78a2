//! Which answers are meant: a set of HTTP statuses with a notation for it.
//!
//! Without the `std` feature too, so that the attribute and the engine read the same words.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// A set of HTTP statuses.
///
/// ```
/// use limiter_core::Statuses;
///
/// let failed: Statuses = "failed".parse()?;
/// assert!(failed.contains(401) && failed.contains(500) && !failed.contains(302));
/// let chosen: Statuses = "401, 403, 5xx".parse()?;
/// assert!(chosen.contains(403) && chosen.contains(503) && !chosen.contains(404));
/// let all_but: Statuses = "not 304, 500-599".parse()?;
/// assert!(all_but.contains(200) && !all_but.contains(304) && !all_but.contains(502));
/// # Ok::<(), limiter_core::StatusesError>(())
/// ```
///
/// `failed` is 400 and above, `success` everything below. A list has single statuses, classes such
/// as `4xx`, and ranges such as `400-451`; `not` before it turns all of it round.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Statuses {
    bits: [u64; WORDS],
}

const LOWEST: u16 = 100;
const HIGHEST: u16 = 999;
const WORDS: usize = ((HIGHEST - LOWEST) as usize).div_ceil(64) + 1;

impl Statuses {
    /// 400 and above.
    #[must_use]
    pub fn failed() -> Self {
        Self::NONE.with(400, HIGHEST)
    }

    /// Below 400.
    #[must_use]
    pub fn success() -> Self {
        Self::NONE.with(LOWEST, 399)
    }

    /// Whether a status is among them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        let (word, bit) = place(status);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    const NONE: Statuses = Statuses { bits: [0; WORDS] };

    fn with(mut self, first: u16, last: u16) -> Self {
        for status in first..=last {
            let (word, bit) = place(status);
            if let Some(bits) = self.bits.get_mut(word) {
                *bits |= bit;
            }
        }
        self
    }

    fn inverted(self) -> Self {
        let mut others = Self::NONE;
        for status in (LOWEST..=HIGHEST).filter(|status| !self.contains(*status)) {
            others = others.with(status, status);
        }
        others
    }
}

fn place(status: u16) -> (usize, u64) {
    let at = status.saturating_sub(LOWEST);
    (usize::from(at / 64), 1 << (at % 64))
}

impl FromStr for Statuses {
    type Err = StatusesError;

    fn from_str(text: &str) -> Result<Self, StatusesError> {
        match text.trim() {
            "failed" => return Ok(Self::failed()),
            "success" => return Ok(Self::success()),
            _ => {}
        }
        let (list, turned) = match text.trim_start().strip_prefix("not ") {
            Some(list) => (list, true),
            None => (text, false),
        };
        let mut statuses = Self::NONE;
        for entry in list.split(',').map(str::trim) {
            let (first, last) = range(entry).ok_or_else(|| StatusesError { found: entry.to_string() })?;
            statuses = statuses.with(first, last);
        }
        Ok(if turned { statuses.inverted() } else { statuses })
    }
}

/// One entry of a list: a status, a class or a range.
fn range(entry: &str) -> Option<(u16, u16)> {
    if let Some(class) = entry.strip_suffix("xx").or_else(|| entry.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..=9).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    let status = |text: &str| {
        let plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|status| plain && (LOWEST..=HIGHEST).contains(status))
    };
    let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
    let (first, last) = (status(first.trim())?, status(last.trim())?);
    (first <= last).then_some((first, last))
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges = f.debug_list();
        let mut next = LOWEST;
        while let Some(first) = (next..=HIGHEST).find(|status| self.contains(*status)) {
            let last = (first..=HIGHEST).take_while(|status| self.contains(*status)).last().unwrap_or(first);
            ranges.entry(&(first..=last));
            next = last.saturating_add(1);
        }
        ranges.finish()
    }
}

/// A text that names no statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusesError {
    found: String,
}

impl fmt::Display for StatusesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` names no statuses; accepted: `failed`, `success`, or a list such as `401, 403, 5xx`, with `not` \
             before it for all others",
            self.found
        )
    }
}

impl core::error::Error for StatusesError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(text: &str) -> Statuses {
        text.parse().unwrap()
    }

    #[test]
    fn a_status_stands_on_one_side_of_failed_and_success() {
        for status in 100..=999 {
            assert_ne!(Statuses::failed().contains(status), Statuses::success().contains(status), "{status}");
        }
        assert!(!Statuses::failed().contains(399) && Statuses::failed().contains(400));
    }

    #[test]
    fn a_list_holds_what_it_names_and_its_inverse_the_rest() {
        let (named, others) = (statuses("401,403 , 5xx, 420-429"), statuses("not 401,403 , 5xx, 420-429"));
        for status in 100..=999 {
            let meant = matches!(status, 401 | 403 | 500..=599 | 420..=429);
            assert_eq!(named.contains(status), meant, "{status}");
            assert_eq!(others.contains(status), !meant, "{status}");
        }
        assert_eq!(format!("{named:?}"), "[401..=401, 403..=403, 420..=429, 500..=599]");
    }

    #[test]
    fn what_names_no_status_is_refused_by_name() {
        for text in
            ["", "fail", "40", "4x", "0xx", "10xx", "99", "1000", "500-400", "401,,403", "401;403", "+401", "nots"]
        {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
        let error = "401, sorry".parse::<Statuses>().unwrap_err().to_string();
        assert!(error.starts_with("`sorry` names no statuses; accepted:"), "{error}");
    }
}
