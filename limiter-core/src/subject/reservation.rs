//! What was charged, and how to give it back.

use core::fmt;

use crate::limiter::{Limiter, Receipt, Ruling};

/// A window of the clock, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
}

impl Span {
    /// `hour` or `day`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Span::Hour => "hour",
            Span::Day => "day",
        }
    }

    const fn nanos(self) -> u64 {
        match self {
            Span::Hour => 3_600_000_000_000,
            Span::Day => 86_400_000_000_000,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A charge to one or several subjects. Dropping it lets the charge stand, as
/// [`keep`](Reservation::keep) says in so many words.
///
/// ```
/// use limiter_core::Limiter;
/// use limiter_core::subject::{Allowance, SubjectClaim, SubjectLimits};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limits = SubjectLimits::builder().subject("user", "too often").build(&Limiter::in_memory())?;
/// let once = [SubjectClaim::new("user", 7u64, Allowance::daily(1))];
/// // The work was not done after all.
/// limits.reserve(&once).await?.roll_back();
/// assert!(limits.reserve(&once).await.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping a reservation lets the charge stand; say so with `keep`"]
pub struct Reservation {
    limiter: Limiter,
    receipt: Receipt,
}

impl Reservation {
    pub(super) fn new(limiter: Limiter, ruling: Ruling) -> Self {
        Reservation { limiter, receipt: ruling.receipt }
    }

    /// Lets the charge stand.
    pub fn keep(self) {
        self.receipt.keep();
    }

    /// Gives the charge back. An hour or a day that has ended meanwhile is left alone, and so is
    /// the one that followed.
    pub fn roll_back(self) {
        self.limiter.refund(self.receipt);
    }

    /// Gives back what was charged to the windows of one span; the rest stays, and can still be
    /// given back.
    pub fn roll_back_of(&mut self, span: Span) {
        let given_back = self.receipt.take(|charge| charge.params.period() == span.nanos());
        self.limiter.refund(given_back);
    }
}
