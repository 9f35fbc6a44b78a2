//! The common case: one rule, and room for its key. One lock, one probe, at most one write.
//!
//! Whatever is not common (no room, exact logs, refusals that are counted) is left to the general
//! way, which gives the same answers.

use core::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::shard::is_log;
use super::table::{Seat, Table, Value};
use super::{MemoryStore, fingerprint};
use crate::algorithm::{State, Verdict};
use crate::rule::AtCeiling;
use crate::store::{Decide, Item, ItemReply, Mode, Place};
use crate::time::Now;

impl MemoryStore {
    /// Decides about a request to which one rule applies, as [`decide`](Self::decide) would: whether
    /// it is allowed, and the reply to the item.
    #[must_use]
    #[inline(always)]
    pub fn decide_one(&self, item: &Item, now: Now) -> (bool, ItemReply) {
        self.maintain(now.monotonic);
        let fingerprint = fingerprint(&item.subject);
        if !is_log(&item.params)
            && let Some(shard) = self.shard(fingerprint)
        {
            let shard = &mut *shard.lock();
            let room = shard.len() < self.per_shard;
            let reply = if item.params.is_wide() {
                self.decide_in(&mut shard.wide, room, item, fingerprint, now)
            } else {
                self.decide_in(&mut shard.narrow, room, item, fingerprint, now)
            };
            if let Some(reply) = reply {
                return (reply.verdict == Verdict::Allow || item.mode == Mode::Shadow, reply);
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
    #[inline(always)]
    fn decide_in<V: Value>(
        &self,
        table: &mut Table<V>,
        room: bool,
        item: &Item,
        fingerprint: u64,
        now: Now,
    ) -> Option<ItemReply> {
        let (seat, stored) = table.seek(fingerprint, now.monotonic);
        if !matches!(seat, Seat::Own(_)) && !self.may_sit(seat, room, item) {
            return None;
        }
        let step = V::decide(&item.params, stored, now, item.cost);
        let mut reply = ItemReply { verdict: step.verdict, state: stored, place: Place::Own };
        match step.verdict {
            Verdict::Allow if item.mode != Mode::Peek => {
                reply.state = step.state;
                if item.cost > 0 {
                    table.sit(seat, fingerprint, step.state, now.monotonic);
                }
            }
            Verdict::Deny { .. } if item.mode == Mode::Penalty => return None,
            _ => {}
        }
        Some(reply)
    }

    /// Whether a new key may sit there, without asking what the rule says about a full table.
    #[inline]
    pub(super) fn may_sit(&self, seat: Seat, room: bool, item: &Item) -> bool {
        let shares = item.at_ceiling == AtCeiling::Overflow && self.sharing.load(Ordering::Relaxed);
        !shares && (room || matches!(seat, Seat::Stale(_)))
    }
}
