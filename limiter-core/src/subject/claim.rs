//! One subject's part of a reservation.

use super::Span;
use crate::decision::Name;
use crate::key::Key;

/// How much a subject may use in an hour and in a day of the clock. 0 is without limit.
///
/// ```
/// use limiter_core::subject::Allowance;
///
/// assert_eq!(Allowance::hourly(100).and_daily(1000), Allowance::new(100, 1000));
/// assert_eq!(Allowance::daily(5), Allowance::new(0, 5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    hourly: u64,
    daily: u64,
}

impl Allowance {
    /// So much in an hour and so much in a day; 0 is without limit.
    #[must_use]
    pub const fn new(hourly: u64, daily: u64) -> Self {
        Allowance { hourly, daily }
    }

    /// So much in an hour, and without limit in a day.
    #[must_use]
    pub const fn hourly(count: u64) -> Self {
        Self::new(count, 0)
    }

    /// So much in a day, and without limit in an hour.
    #[must_use]
    pub const fn daily(count: u64) -> Self {
        Self::new(0, count)
    }

    /// And so much in a day.
    #[must_use]
    pub const fn and_daily(self, count: u64) -> Self {
        Self::new(self.hourly, count)
    }

    pub(super) const fn of(self, span: Span) -> u64 {
        match span {
            Span::Hour => self.hourly,
            Span::Day => self.daily,
        }
    }
}

/// A subject, who of it, and what it may use.
///
/// ```
/// use limiter_core::subject::{Allowance, SubjectClaim};
///
/// let claim = SubjectClaim::new("user", 101u64, Allowance::hourly(100)).with_units(5);
/// assert_eq!((claim.subject(), claim.units()), ("user", 5));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SubjectClaim {
    subject: Name,
    id: Key,
    allowance: Allowance,
    units: u64,
}

impl SubjectClaim {
    /// One unit, of the subject that was declared by this name. Calls without a limit are not
    /// counted; what was used before stays used.
    pub fn new(subject: impl Into<Name>, id: impl Into<Key>, allowance: Allowance) -> Self {
        SubjectClaim { subject: subject.into(), id: id.into(), allowance, units: 1 }
    }

    /// So many units; 0 asks without taking.
    pub fn with_units(mut self, units: u64) -> Self {
        self.units = units;
        self
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject.as_str()
    }

    /// Who of it.
    #[must_use]
    pub fn id(&self) -> &Key {
        &self.id
    }

    /// What it may use.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// Units asked for.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.units
    }
}
