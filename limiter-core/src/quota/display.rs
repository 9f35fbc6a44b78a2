//! Values to their canonical text: the shortest one that the parser reads back as the same value.

use core::fmt;

use super::unit::UNITS;
use super::{Alignment, Quota};

/// A period in the longest unit that divides it: `min`, `15min`, `1ms`.
pub(super) struct Period(pub(super) u64);

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last unit is the nanosecond, which divides everything.
        let Some(unit) = UNITS.iter().find(|unit| self.0.is_multiple_of(unit.nanos)) else {
            return Ok(());
        };
        match self.0 / unit.nanos {
            1 if !unit.needs_multiple() => f.write_str(unit.canonical()),
            multiple => write!(f, "{multiple}{}", unit.canonical()),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unlimited() {
            return f.write_str("unlimited");
        }
        write!(f, "{}/{}", self.count(), Period(self.period_nanos()))?;
        if self.has_burst() {
            write!(f, " burst {}", self.burst())?;
        }
        match self.alignment() {
            Alignment::FirstHit => Ok(()),
            Alignment::Epoch { offset_secs } => {
                f.write_str(" aligned")?;
                offset(f, offset_secs)
            }
        }
    }
}

fn offset(f: &mut fmt::Formatter<'_>, secs: i32) -> fmt::Result {
    if secs == 0 {
        return Ok(());
    }
    let sign = if secs < 0 { '-' } else { '+' };
    let secs = secs.unsigned_abs();
    let (hours, minutes, rest) = (secs / 3_600, secs / 60 % 60, secs % 60);
    write!(f, " utc{sign}{hours}")?;
    if minutes != 0 || rest != 0 {
        write!(f, ":{minutes:02}")?;
    }
    if rest != 0 {
        write!(f, ":{rest:02}")?;
    }
    Ok(())
}
