//! How one rule of an annotated function is settled, as data that a static can hold.

use core::fmt;
use core::time::Duration;

use http::response::Parts;
use limiter_core::{PolicyError, Settle};

/// How the charges of a rule are settled.
#[derive(Clone, Copy)]
pub struct Settled {
    by: By,
    settling: Settling,
    within: Option<u64>,
    refund: bool,
}

#[derive(Clone, Copy)]
enum By {
    Cost(fn(&Parts) -> u32),
    Counts(fn(&Parts) -> bool),
    Handler,
    Statuses(&'static str),
}

#[derive(Clone, Copy)]
enum Settling {
    Lenient(u32),
    Strict,
    Wait(u32, u64),
}

impl Settled {
    /// Answers of these statuses count.
    #[must_use]
    pub const fn count(statuses: &'static str) -> Self {
        Self::by(By::Statuses(statuses))
    }

    /// Answers count of which the user's function says so.
    #[must_use]
    pub const fn count_fn(counts: fn(&Parts) -> bool) -> Self {
        Self::by(By::Counts(counts))
    }

    /// Answers cost what the user's function says.
    #[must_use]
    pub const fn cost_fn(cost: fn(&Parts) -> u32) -> Self {
        Self::by(By::Cost(cost))
    }

    /// The handler says what its request has cost.
    #[must_use]
    pub const fn by_handler() -> Self {
        Self::by(By::Handler)
    }

    /// Requests under way take nothing, and so many may be.
    #[must_use]
    pub const fn lenient(mut self, in_flight: u32) -> Self {
        self.settling = Settling::Lenient(in_flight);
        self
    }

    /// So many that find no room wait for those under way, for so many nanoseconds each.
    #[must_use]
    pub const fn wait(mut self, places: u32, max_wait: u64) -> Self {
        self.settling = Settling::Wait(places, max_wait);
        self
    }

    /// For so many nanoseconds a request may stay unsettled.
    #[must_use]
    pub const fn within(mut self, nanos: u64) -> Self {
        self.within = Some(nanos);
        self
    }

    /// Requests that nobody settles in time are given back.
    #[must_use]
    pub const fn refund(mut self) -> Self {
        self.refund = true;
        self
    }

    const fn by(by: By) -> Self {
        Settled { by, settling: Settling::Strict, within: None, refund: false }
    }

    pub(super) fn settle(&self) -> Result<Settle, PolicyError> {
        let mut settle = match self.by {
            By::Cost(cost) => Settle::cost_fn(cost),
            By::Counts(counts) => Settle::count_fn(counts),
            By::Handler => Settle::by_handler(),
            By::Statuses(statuses) => Settle::count(statuses.parse()?),
        };
        settle = match self.settling {
            Settling::Lenient(in_flight) => settle.lenient(in_flight),
            Settling::Strict => settle,
            Settling::Wait(places, max_wait) => settle.wait(places, Duration::from_nanos(max_wait)),
        };
        if let Some(nanos) = self.within {
            settle = settle.within(Duration::from_nanos(nanos));
        }
        Ok(if self.refund { settle.or_give_back() } else { settle })
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled").finish_non_exhaustive()
    }
}
