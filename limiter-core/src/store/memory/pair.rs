//! The second most common case: two rules, and room for both keys.

use super::shard::{Shard, is_log};
use super::table::Seat;
use super::{MemoryStore, fingerprint};
use crate::algorithm::{Params, State, Step, Verdict};
use crate::store::{Decided, Item, ItemReply, Mode, Place};
use crate::time::{Nanos, Now};

/// What is known of an item before anything is written.
struct Look {
    seat: Seat,
    stored: State,
    step: Step,
}

impl Look {
    fn passes(&self) -> bool {
        self.step.verdict == Verdict::Allow
    }
}

impl MemoryStore {
    /// Decides about two items; `None` if the case is not common, and then nothing has happened.
    pub(super) fn decide_pair(&self, items: &[Item; 2], now: Now) -> Option<Decided> {
        let prints = [fingerprint(&items[0].subject), fingerprint(&items[1].subject)];
        if prints[0] == prints[1] || items.iter().any(|item| is_log(&item.params)) {
            return None;
        }
        let [first, second] = prints.map(|print| self.shard_of(print));
        if first == second {
            let mut shard = self.shard(prints[0])?.lock();
            let looks = [
                self.look_at(&shard, 0, &items[0], prints[0], now)?,
                self.look_at(&shard, 1, &items[1], prints[1], now)?,
            ];
            return Some(settle(items, &looks, |at| {
                // The first may have taken the seat that was found for the second.
                let (item, print) = (&items[at], prints[at]);
                let (seat, _) = shard.seek(&item.params, print, now.monotonic);
                shard.sit(&item.params, seat, print, looks[at].step.state, now.monotonic);
            }));
        }
        // One global order: ascending by shard.
        let (low, high) = if first < second { (0, 1) } else { (1, 0) };
        let lower = self.shard(prints[low])?.lock();
        let upper = self.shard(prints[high])?.lock();
        let mut shards = if low == 0 { [lower, upper] } else { [upper, lower] };
        let looks = [
            self.look_at(&shards[0], 0, &items[0], prints[0], now)?,
            self.look_at(&shards[1], 0, &items[1], prints[1], now)?,
        ];
        Some(settle(items, &looks, |at| {
            let look = &looks[at];
            shards[at].sit(&items[at].params, look.seat, prints[at], look.step.state, now.monotonic);
        }))
    }

    /// `coming` new keys of the same decision may need room before this one.
    fn look_at(&self, shard: &Shard, coming: usize, item: &Item, print: u64, now: Now) -> Option<Look> {
        let (seat, stored) = shard.seek(&item.params, print, now.monotonic);
        if !matches!(seat, Seat::Own(_)) && !self.may_sit(seat, shard.len() + coming < self.per_shard, item) {
            return None;
        }
        let step = item.params.decide(stored, now, item.cost);
        if item.mode == Mode::Penalty && matches!(step.verdict, Verdict::Deny { .. }) {
            return None;
        }
        // Two keys may have found the same stale cell, be it the one's own: in a full table there is
        // room for one.
        if coming > 0 && stored.is_stale(now.monotonic) && shard.len() + coming > self.per_shard {
            return None;
        }
        Some(Look { seat, stored, step })
    }
}

/// All or nothing.
fn settle(items: &[Item; 2], looks: &[Look; 2], mut write: impl FnMut(usize)) -> Decided {
    let allowed = looks.iter().zip(items).all(|(look, item)| look.passes() || item.mode == Mode::Shadow);
    let mut decided = Decided { allowed, ..Decided::default() };
    for (at, (look, item)) in looks.iter().zip(items).enumerate() {
        let charged = allowed && look.passes() && item.mode != Mode::Peek;
        if charged && item.cost > 0 {
            write(at);
        }
        let state = if charged { look.step.state } else { look.stored };
        decided.items.push(ItemReply { verdict: look.step.verdict, state, place: Place::Own });
    }
    decided
}

impl Shard {
    fn seek(&self, params: &Params, print: u64, now: Nanos) -> (Seat, State) {
        if params.is_wide() { self.wide.seek(print, now) } else { self.narrow.seek(print, now) }
    }

    fn sit(&mut self, params: &Params, seat: Seat, print: u64, state: State, now: Nanos) {
        if params.is_wide() {
            self.wide.sit(seat, print, state, now);
        } else {
            self.narrow.sit(seat, print, state, now);
        }
    }
}
