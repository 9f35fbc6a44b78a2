//! From a decision to what the wire shows of it.

use std::time::Duration;

use limiter_core::{Algorithm, Decision, Outcome, Usage};
use smallvec::SmallVec;

use super::choice::{Family, Reason};
use super::view::{Numbers, PolicyView, Row, View, Wait};
use super::wire::Wire;
use super::written::Shelf;

impl<'a> View<'a> {
    pub(crate) fn of(wire: &'a Wire, decision: &'a Decision, shelf: Option<&'a Shelf>) -> Self {
        let refused = (!decision.is_allowed()).then(|| {
            // A refusal without a rule behind it is ours, not the caller's.
            decision.violated().map(|usage| reason(wire, usage)).max().unwrap_or(Reason::ReducedCapacity)
        });
        // Filled where it stands, since there is room in it for more rows than there are in most decisions.
        let mut view = View { rows: SmallVec::new(), refused };
        // What is not enforced is not announced: a caller who obeyed would be limited by it.
        for usage in decision.usages().iter().filter(|usage| !usage.is_shadow()) {
            let wait = (refused.is_some() && usage.is_violated()).then(|| wait(usage));
            view.rows.push(Row { policy: policy(wire, usage, shelf), numbers: numbers(wire, usage), wait });
        }
        view
    }
}

/// What an allowed usage shows.
#[inline]
pub(super) fn row<'a>(wire: &'a Wire, usage: &'a Usage, shelf: &'a Shelf) -> Row<'a> {
    Row { policy: policy(wire, usage, Some(shelf)), numbers: numbers(wire, usage), wait: None }
}

#[inline]
fn policy<'a>(wire: &'a Wire, usage: &'a Usage, shelf: Option<&'a Shelf>) -> PolicyView<'a> {
    let mut policy = limit(wire, usage);
    policy.partition = wire.partition.as_ref().map(|secret| usage.partition(secret).to_be_bytes().into());
    policy.written = shelf.and_then(|shelf| shelf.of(usage.index(), &policy));
    policy
}

/// One limit, as far as it is the same for everybody.
#[inline]
pub(super) fn limit<'a>(wire: &'a Wire, usage: &'a Usage) -> PolicyView<'a> {
    PolicyView {
        name: usage.name(),
        quota: usage.limit(),
        window: usage.window().map(|window| whole(window, usage.limit())),
        unit: unit_of(wire, usage.name(), usage.algorithm()),
        partition: None,
        written: None,
    }
}

/// What the rule of this name counts, where that is not requests.
#[inline]
pub(super) fn unit_of<'a>(wire: &'a Wire, name: &str, algorithm: Algorithm) -> Option<&'a str> {
    let own = wire.of_rule(name).and_then(|rule| rule.unit.as_ref());
    match (own, algorithm) {
        (Some(unit), _) => unit.on_wire(),
        (None, Algorithm::Concurrent) => Some(super::CONCURRENT),
        (None, _) => None,
    }
}

/// Intervals are rounded up to whole nanoseconds, so that the window of `7/s` comes out 1 ns too
/// long: that is still one second. Anything further off is not.
pub(super) fn whole(window: Duration, limit: u64) -> Duration {
    if window.subsec_nanos() == 0 {
        return window;
    }
    let rounding = Duration::from_nanos(limit).min(Duration::from_micros(window.as_secs().saturating_mul(1000)));
    if Duration::from_nanos(u64::from(window.subsec_nanos())) < rounding {
        return Duration::from_secs(window.as_secs());
    }
    window
}

#[inline]
pub(super) fn numbers(wire: &Wire, usage: &Usage) -> Option<Numbers> {
    match usage.outcome() {
        // Nobody's budget was read: there is nothing to tell.
        Outcome::InFlight | Outcome::NoKey | Outcome::NoRoom | Outcome::Queued | Outcome::StoreFailed => None,
        _ => {
            let remaining = usage.remaining();
            // Two divisions, for the one family that tells it.
            let pace = if wire.family == Family::Draft11 { pace(usage, remaining) } else { None };
            Some(Numbers { remaining, pace, reset: usage.reset_after() })
        }
    }
}

/// The time in which no more than `remaining` may be used. A window says when it ends. Whatever
/// refills as time goes on says how long the remaining units last at the sustained rate, so that a
/// client that spreads them over this time never has to wait. Nothing for a whole quota.
fn pace(usage: &Usage, remaining: u64) -> Option<Duration> {
    let next = usage.next_unit_after()?;
    match usage.algorithm() {
        Algorithm::Fixed => usage.reset_after(),
        _ => {
            let (window, limit) = (usage.window()?.as_nanos(), usage.limit().max(1));
            // Below 2^64 each: windows end within 100 years.
            let units = window.saturating_mul(u128::from(remaining));
            let share = match u64::try_from(units) {
                // Nearly always, and ten times as fast.
                Ok(units) => units.div_ceil(limit),
                Err(_) => u64::try_from(units.div_ceil(u128::from(limit))).unwrap_or(u64::MAX),
            };
            Some(next.max(Duration::from_nanos(share)))
        }
    }
}

fn wait(usage: &Usage) -> Wait {
    match (usage.outcome(), usage.retry_after()) {
        (Outcome::NeverFits | Outcome::NoKey, _) => Wait::Never,
        (_, Some(wait)) => Wait::After(wait),
        (_, None) => Wait::Unknown,
    }
}

/// Whose fault a refusal is: the client's, if the limit is a client's own.
fn reason(wire: &Wire, usage: &Usage) -> Reason {
    if let Some(reason) = wire.of_rule(usage.name()).and_then(|rule| rule.reason) {
        return reason;
    }
    match usage.outcome() {
        Outcome::NoRoom | Outcome::StoreFailed => Reason::ReducedCapacity,
        _ if usage.algorithm() == Algorithm::Concurrent && !usage.is_per_client() => Reason::ReducedCapacity,
        _ => Reason::QuotaExceeded,
    }
}
