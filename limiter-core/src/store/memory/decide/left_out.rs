//! Decisions of which a part is not charged: rules in shadow of which one refuses.

use super::{Evaluated, Guard, Shard};
use crate::store::{Decide, Place};

/// What is charged, without what is not: an item in shadow may have been counted for a later one of its cell.
pub(super) fn leave_out(
    decide: &Decide,
    evaluated: &mut [Evaluated],
    guards: &mut [Guard<'_, Shard>],
    charged: impl Fn(&Evaluated) -> bool,
) {
    for (at, item) in decide.items.iter().enumerate() {
        let Some((earlier, [one, ..])) = evaluated.split_at_mut_checked(at) else { return };
        if !charged(one) {
            continue;
        }
        if one.victim.is_none() && !earlier.iter().any(|other| charged(other) && other.same_cell(one)) {
            // The cell that was to give way to the first of them gives way to the first that is charged.
            let found = earlier.iter_mut().filter(|other| other.same_cell(one)).find_map(|other| other.victim.take());
            one.victim = found;
        }
        let same = earlier.iter().rev().filter(|other| charged(other) && other.same_cell(one));
        one.step.state = match guards.get_mut(one.guard) {
            Some(shard) if item.params.grows() && one.place == Place::Own => {
                let pending = same.fold(0u64, |sum, other| sum.saturating_add(other.cost));
                shard.logs.decide(&item.params, one.fingerprint, decide.now, pending, one.cost).state
            }
            _ => {
                let before = { same }.next().map_or(one.stored, |other| other.step.state);
                item.params.decide(before, decide.now, one.cost).state
            }
        };
    }
}
