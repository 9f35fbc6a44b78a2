//! The handler's word on what a request has cost.

use core::fmt;
use std::sync::Arc;

use super::reservation::Open;

/// Says what a request has cost, once that is known.
///
/// A rule that is [settled by the handler](super::Settle::by_handler) hands it out. The charge is
/// settled when the request has been answered and all clones of this are gone: keep one in what
/// produces a stream, and the stream may say what it took. Nothing said: the charge stands.
///
/// ```
/// use limiter_core::{Limiter, Policy, Rule, key::{Global, Key}, settle::Settle, store::Reply};
///
/// let tokens = Rule::new("1000/min".parse()?).key(Global).settle(Settle::by_handler());
/// let policy = Policy::new("tokens", [tokens])?;
/// let (limiter, key) = (Limiter::in_memory(), Key::everyone());
///
/// let Reply::Now(ruling) = limiter.decide_key(&policy, &key, 100) else { unreachable!() };
/// let settlement = ruling.settlement().ok_or("a rule asks for it")?;
/// ruling.succeeded();
/// assert_eq!(limiter.peek(&policy, &key, 0).usages()[0].remaining(), 900);
/// assert!(settlement.cost(25));
/// drop(settlement);
/// assert_eq!(limiter.peek(&policy, &key, 0).usages()[0].remaining(), 975);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Settlement {
    open: Arc<Open>,
}

impl Settlement {
    pub(super) fn new(open: Arc<Open>) -> Self {
        Settlement { open }
    }

    /// What the request has cost in all, under every rule that leaves it to the handler. The last
    /// word counts. Tells whether it was in time.
    pub fn cost(&self, units: u64) -> bool {
        self.open.say(units, super::Reserved::is_left_to_handler)
    }

    /// As [`cost`](Self::cost), under the rule of this name alone.
    #[expect(clippy::must_use_candidate, reason = "most handlers can do nothing about a late word")]
    pub fn cost_under(&self, rule: &str, units: u64) -> bool {
        self.open.say(units, |reserved| reserved.is_left_to_handler() && reserved.name.as_str() == rule)
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Settlement").field(&self.open).finish()
    }
}
