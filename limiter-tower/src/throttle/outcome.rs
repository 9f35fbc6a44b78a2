//! Settling a call by what it returned. A call that ends without an outcome, because it panicked or
//! was given up, counts as it was charged.

use limiter_core::Held;

use super::site::Units;

/// A result settles by itself: an error has failed.
pub fn settle_result<T, E>(held: &mut Held, outcome: &Result<T, E>) {
    if outcome.is_ok() {
        held.succeeded();
    } else {
        held.failed();
    }
}

/// The user's function says whether the outcome counts.
pub fn settle_counted<O>(held: &mut Held, outcome: &O, counts: impl FnOnce(&O) -> bool) {
    if !counts(outcome) {
        held.settle(0);
    }
}

/// The user's function says what the outcome costs.
pub fn settle_cost<O, U: Units>(held: &mut Held, outcome: &O, cost: impl FnOnce(&O) -> U) {
    held.settle(cost(outcome).units());
}
