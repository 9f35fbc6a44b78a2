//! The common case: one rule, and room for its key. One lock, one probe, at most one write.
//!
//! Whatever is not common (no room, exact logs, refusals that are counted) is left to the general
//! way, which gives the same answers.

use smallvec::SmallVec;

use super::shard::{Shard, is_log};
use super::table::Seat;
use super::{MemoryStore, fingerprint};
use crate::algorithm::{State, Step, Verdict};
use crate::rule::AtCeiling;
use crate::store::{Decide, Item, ItemReply, Mode, Place};
use crate::time::Now;

use std::sync::atomic::Ordering;

/// What is known of an item before anything is written.
struct Look {
    seat: Seat,
    stored: State,
    step: Step,
}

impl MemoryStore {
    /// Decides about a request to which one rule applies, as [`decide`](Self::decide) would: whether
    /// it is allowed, and the reply to the item.
    #[must_use]
    #[inline]
    pub fn decide_one(&self, item: &Item, now: Now) -> (bool, ItemReply) {
        self.maintain(now.monotonic);
        let fingerprint = fingerprint(&item.subject);
        if !is_log(&item.params)
            && let Some(shard) = self.shard(fingerprint)
        {
            let mut shard = shard.lock();
            if let Some(look) = self.try_look(&shard, item, fingerprint, now) {
                let passes = look.step.verdict == Verdict::Allow;
                let charged = passes && item.mode != Mode::Peek;
                if charged && item.cost > 0 {
                    shard.sit(&item.params, look.seat, fingerprint, look.step.state, now.monotonic);
                }
                let state = if charged { look.step.state } else { look.stored };
                let allowed = passes || item.mode == Mode::Shadow;
                return (allowed, ItemReply { verdict: look.step.verdict, state, place: Place::Own });
            }
        }
        self.decide_rare(item, now)
    }

    #[cold]
    #[inline(never)]
    fn decide_rare(&self, item: &Item, now: Now) -> (bool, ItemReply) {
        let mut items = SmallVec::new();
        items.push(item.clone());
        let decided = self.evaluate(&Decide { now, items }, true);
        let nothing = ItemReply { verdict: Verdict::TooBig, state: State::default(), place: Place::NoRoom };
        (decided.allowed, decided.items.first().copied().unwrap_or(nothing))
    }

    /// `None` if the case is not common.
    #[inline]
    fn try_look(&self, shard: &Shard, item: &Item, fingerprint: u64, now: Now) -> Option<Look> {
        let (seat, stored) = shard.seek(&item.params, fingerprint, now.monotonic);
        if !matches!(seat, Seat::Own(_)) && !self.has_room(shard, seat, item) {
            return None;
        }
        let step = item.params.decide(stored, now, item.cost);
        if item.mode == Mode::Penalty && matches!(step.verdict, Verdict::Deny { .. }) {
            return None;
        }
        Some(Look { seat, stored, step })
    }

    /// Whether a new key may sit there, without asking what the rule says about a full table.
    #[inline]
    fn has_room(&self, shard: &Shard, seat: Seat, item: &Item) -> bool {
        let shares = item.at_ceiling == AtCeiling::Overflow && self.sharing.load(Ordering::Relaxed);
        !shares && (matches!(seat, Seat::Stale(_)) || shard.len() < self.per_shard)
    }
}
