//! The units of time and every spelling that is accepted for them.

use super::NANOS_PER_SEC;

/// The units an error message offers.
pub(super) const ACCEPTED: &str = "ms, s, min, h, d, w";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// The first name is the canonical one.
    pub(super) names: &'static [&'static str],
    pub(super) nanos: u64,
}

impl Unit {
    pub(super) fn canonical(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Units below a second are written with a multiple, even of one: `5/ms` is far more often a
    /// slip for minutes or seconds than meant.
    pub(super) fn needs_multiple(&self) -> bool {
        self.nanos < NANOS_PER_SEC
    }
}

/// Longest first, which is the order in which the canonical text tries them.
///
/// Microseconds and nanoseconds are there so that every period has a text; they are not offered.
pub(super) const UNITS: &[Unit] = &[
    Unit { names: &["w", "week", "weeks"], nanos: 604_800 * NANOS_PER_SEC },
    Unit { names: &["d", "day", "days"], nanos: 86_400 * NANOS_PER_SEC },
    Unit { names: &["h", "hr", "hrs", "hour", "hours"], nanos: 3_600 * NANOS_PER_SEC },
    Unit { names: &["min", "m", "mins", "minute", "minutes"], nanos: 60 * NANOS_PER_SEC },
    Unit { names: &["s", "sec", "secs", "second", "seconds"], nanos: NANOS_PER_SEC },
    Unit { names: &["ms", "millisecond", "milliseconds"], nanos: 1_000_000 },
    Unit { names: &["us", "microsecond", "microseconds"], nanos: 1_000 },
    Unit { names: &["ns", "nanosecond", "nanoseconds"], nanos: 1 },
];

/// `M` is a minute like `m`: months are not a unit.
pub(super) fn find(word: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.names.iter().any(|name| name.eq_ignore_ascii_case(word)))
}

/// Days in a calendar unit, as far as it has any: these are refused, since they differ in length.
pub(super) fn calendar_days(word: &str) -> Option<&'static str> {
    const MONTH: &[&str] = &["mo", "mon", "month", "months", "monthly", "mth"];
    const YEAR: &[&str] = &["y", "yr", "yrs", "year", "years", "yearly"];
    let is_in = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    if is_in(MONTH) {
        Some("30d")
    } else if is_in(YEAR) {
        Some("365d")
    } else {
        None
    }
}
