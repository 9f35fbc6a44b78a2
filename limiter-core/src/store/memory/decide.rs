//! Deciding: evaluate everything, then write everything or nothing.

mod left_out;

use std::collections::HashMap;

use smallvec::SmallVec;

use super::lock::Guard;
use super::shard::{Shard, Victim};
use super::single::Single;
use super::sync::{MutexGuard, Ordering};
use super::{MemoryStore, Padded, fingerprint};
use crate::algorithm::{Algorithm, State, Step, Verdict};
use crate::rule::AtCeiling;
use crate::store::{Decide, Decided, Item, ItemReply, Mode, Place};
use crate::time::{Nanos, Now};

/// The cells that new keys share. Locked after all shards, when first needed, and held to the end.
type Overflow<'a> = Option<MutexGuard<'a, HashMap<u64, State>>>;

/// What is known of an item before anything is written.
struct Evaluated {
    fingerprint: u64,
    budget: u64,
    mode: Mode,
    cost: u64,
    /// Index into the held guards.
    guard: usize,
    /// What the cell holds.
    stored: State,
    /// The same, after the earlier items of this request.
    before: State,
    step: Step,
    place: Place,
    is_new: bool,
    victim: Option<Victim>,
}

impl Evaluated {
    fn passes(&self) -> bool {
        self.step.verdict == Verdict::Allow
    }

    /// Whether a later item of the same request, asked in `mode`, finds this one's cost taken.
    fn counts_for(&self, mode: Mode) -> bool {
        self.passes() && (self.mode != Mode::Peek || mode == Mode::Peek)
    }

    /// Whether writing takes a cell that the table may not count: of a new key, or of one whose stale
    /// cell a sweep drops.
    fn takes_cell(&self, now: Nanos) -> bool {
        self.cost > 0 && self.place == Place::Own && self.victim.is_none() && (self.is_new || self.stored.is_stale(now))
    }

    fn same_cell(&self, other: &Evaluated) -> bool {
        match (self.place, other.place) {
            (Place::Own, Place::Own) => self.fingerprint == other.fingerprint,
            (Place::Shared, Place::Shared) => self.budget == other.budget,
            _ => false,
        }
    }
}

impl MemoryStore {
    /// Decides about one request.
    #[must_use]
    pub fn decide(&self, decide: &Decide) -> Decided {
        if let [item] = decide.items.as_slice() {
            let (allowed, reply) = self.decide_one(Single::from(item), decide.now);
            let mut decided = Decided { allowed, ..Decided::default() };
            decided.items.push(reply);
            return decided;
        }
        if let [first, second] = decide.items.as_slice()
            && first.mode != Mode::Shadow
            && second.mode != Mode::Shadow
            && let Some((allowed, replies)) = self.decide_pair(&[first.into(), second.into()], decide.now)
        {
            let mut decided = Decided { allowed, ..Decided::default() };
            decided.items.extend(replies);
            return decided;
        }
        self.maintain(decide.now.monotonic);
        self.evaluate(decide, true)
    }

    /// Shows what would be decided and what is held, and changes nothing.
    #[must_use]
    pub fn inspect(&self, decide: &Decide) -> Decided {
        self.evaluate(decide, false)
    }

    pub(super) fn evaluate(&self, decide: &Decide, write: bool) -> Decided {
        let now = decide.now;
        let fingerprints: SmallVec<[u64; 4]> = decide.items.iter().map(|item| fingerprint(&item.subject)).collect();
        // One global order: ascending by shard, each shard once.
        let mut order: SmallVec<[usize; 4]> = fingerprints.iter().map(|f| self.shard_of(*f)).collect();
        order.sort_unstable();
        order.dedup();
        let touched = order.iter().filter_map(|at| self.shards.get(*at));
        let mut guards: SmallVec<[Guard<'_, Shard>; 4]> = if write {
            touched.map(Padded::lock_and_wipe).collect()
        } else {
            touched.map(|shard| shard.lock.lock()).collect()
        };

        let mut overflow: Overflow<'_> = None;
        let mut evaluated: SmallVec<[Evaluated; 4]> = SmallVec::new();
        for (item, fingerprint) in decide.items.iter().zip(&fingerprints) {
            let guard = order.binary_search(&self.shard_of(*fingerprint)).unwrap_or(0);
            let Some(shard) = guards.get_mut(guard) else { continue };
            let found = self.look(item, *fingerprint, guard, shard, &mut overflow, now, &evaluated, &fingerprints);
            evaluated.push(found);
        }

        let allowed = evaluated.iter().zip(&decide.items).all(|(one, item)| one.passes() || item.mode == Mode::Shadow);
        let mut reply = Decided { allowed, ..Decided::default() };
        // What is in shadow is charged as if all were enforced.
        let whole = evaluated.iter().all(Evaluated::passes);
        let charged = |one: &Evaluated| {
            let taken = one.cost > 0 && one.mode != Mode::Peek && (whole || one.mode != Mode::Shadow);
            write && allowed && one.passes() && taken
        };
        if allowed && !whole {
            left_out::leave_out(decide, &mut evaluated, &mut guards, charged);
        }
        for (one, item) in evaluated.iter().zip(&decide.items) {
            // Items that share a cell all report what the last of them left there.
            let last = evaluated.iter().rev().find(|other| charged(other) && other.same_cell(one));
            let mut verdict = one.step.verdict;
            let mut state = last.map_or(one.stored, |last| last.step.state);
            if charged(one) {
                self.write(item, one, guards.get_mut(one.guard), &mut overflow, now);
            } else if write && !one.passes() {
                self.count_refusal(one);
                if item.mode == Mode::Penalty
                    && matches!(verdict, Verdict::Deny { .. })
                    && let Some(step) = self.penalize(item, one, guards.get_mut(one.guard), &mut overflow, now)
                {
                    (verdict, state) = (step.verdict, step.state);
                }
            }
            reply.items.push(ItemReply { verdict, state, place: one.place });
        }
        reply
    }

    #[expect(clippy::too_many_arguments, reason = "one step of one loop, split off for reading")]
    fn look<'a>(
        &'a self,
        item: &Item,
        fingerprint: u64,
        guard: usize,
        shard: &mut Shard,
        overflow: &mut Overflow<'a>,
        now: Now,
        earlier: &[Evaluated],
        all: &[u64],
    ) -> Evaluated {
        // Two rules of one request may share a budget: the second sees what the first would leave.
        let twin = earlier.iter().rev().find(|e| e.fingerprint == fingerprint && e.counts_for(item.mode));
        let known = match twin {
            Some(twin) => Some(twin.stored),
            None if item.params.grows() => shard.logs.summary(&item.params, fingerprint, now),
            None => shard.get(&item.params, fingerprint),
        };
        let stored = known.unwrap_or_default();
        let mut one = Evaluated {
            fingerprint,
            budget: item.budget,
            mode: item.mode,
            cost: item.cost,
            guard,
            stored,
            before: twin.map_or(stored, |twin| twin.step.state),
            step: Step { verdict: Verdict::TooBig, state: State::default() },
            place: twin.map_or(Place::Own, |twin| twin.place),
            // A question to a new key takes no cell: what is charged after it still has to find one.
            is_new: twin.map_or(known.is_none(), |twin| twin.is_new && twin.cost == 0),
            victim: None,
        };
        // A question is answered as the charge would be. One that needs no room is never turned away.
        let needs_room = item.cost > 0 || item.at_ceiling == AtCeiling::Overflow;
        if one.is_new && needs_room && item.cost <= item.params.capacity() {
            let coming = earlier.iter().filter(|e| e.guard == guard && e.takes_cell(now.monotonic)).count();
            if shard.len() + coming >= self.per_shard {
                shard.sweep(now.monotonic);
            }
            let no_bytes = item.params.grows() && !shard.logs.has_room();
            if shard.len() + coming >= self.per_shard || no_bytes {
                self.at_ceiling(item, &mut one, shard, overflow, now, earlier, all);
            } else if item.at_ceiling == AtCeiling::Overflow && self.sharing.load(Ordering::Relaxed) {
                self.after_sharing(item, &mut one, overflow, now);
            }
        }
        if one.place == Place::NoRoom {
            // No time is known where every cell holds a slot.
            let earliest = Some(shard.earliest()).filter(|earliest| *earliest < Nanos::MAX);
            let retry = earliest.map(|earliest| earliest.saturating_sub(now.monotonic));
            one.step = Step { verdict: Verdict::Deny { retry }, state: State::default() };
        } else if item.params.grows() && one.place == Place::Own {
            let pending = pending(earlier, fingerprint, item.mode);
            one.step = shard.logs.decide(&item.params, fingerprint, now, pending, item.cost);
        } else {
            one.step = item.params.decide(one.before, now, item.cost);
        }
        one
    }

    /// The table is full and every cell is live: the rule chooses.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn at_ceiling<'a>(
        &'a self,
        item: &Item,
        one: &mut Evaluated,
        shard: &Shard,
        overflow: &mut Overflow<'a>,
        now: Now,
        earlier: &[Evaluated],
        all: &[u64],
    ) {
        match item.at_ceiling {
            AtCeiling::Evict => {
                // Never a cell that this same request uses, nor one it already gives up.
                let mut keep: SmallVec<[u64; 8]> = SmallVec::from_slice(all);
                keep.extend(earlier.iter().filter_map(|e| e.victim).map(|(fingerprint, _)| fingerprint));
                one.victim = if item.params.grows() && !shard.logs.has_room() {
                    // It is bytes that are short: another cell would not help.
                    shard.log_victim(&keep, now.monotonic)
                } else {
                    shard.victim(&item.params, one.fingerprint, &keep, now.monotonic)
                };
                if one.victim.is_none() {
                    // Every cell holds a slot of a concurrent limit, and slots are not given up.
                    one.place = Place::NoRoom;
                }
            }
            AtCeiling::Overflow => {
                one.place = Place::Shared;
                one.is_new = false;
                let cells = overflow.get_or_insert_with(|| self.overflow.lock());
                let twin = earlier
                    .iter()
                    .rev()
                    .find(|e| e.place == Place::Shared && e.budget == item.budget && e.counts_for(item.mode));
                one.stored = cells.get(&item.budget).copied().unwrap_or_default();
                one.before = twin.map_or(one.stored, |twin| twin.step.state);
            }
            AtCeiling::Refuse => one.place = Place::NoRoom,
        }
    }

    /// There is room again, but what this key took while there was none stands in the shared cell:
    /// a fresh cell would let it take that twice.
    fn after_sharing<'a>(&'a self, item: &Item, one: &mut Evaluated, overflow: &mut Overflow<'a>, now: Now) {
        let cells = overflow.get_or_insert_with(|| self.overflow.lock());
        let Some(shared) = cells.get(&item.budget).filter(|state| !state.is_stale(now.monotonic)) else { return };
        one.stored = *shared;
        one.before = *shared;
        if matches!(item.params.algorithm(), Algorithm::Concurrent | Algorithm::Log) {
            // Slots go back to where they were taken, so they cannot move to another cell;
            // a log cannot be made from its summary.
            one.place = Place::Shared;
            one.is_new = false;
        }
    }

    fn write(
        &self,
        item: &Item,
        one: &Evaluated,
        shard: Option<&mut Guard<'_, Shard>>,
        overflow: &mut Overflow<'_>,
        now: Now,
    ) {
        let Some(shard) = shard else { return };
        if item.cost == 0 {
            return;
        }
        if one.place == Place::Shared {
            self.counters.shared.fetch_add(1, Ordering::Relaxed);
            if let Some(cells) = overflow {
                cells.insert(item.budget, one.step.state);
                self.sharing.store(true, Ordering::Relaxed);
            }
            return;
        }
        if let Some(victim) = one.victim {
            shard.evict(victim);
            self.counters.evicted.fetch_add(1, Ordering::Relaxed);
        }
        if item.params.grows() {
            shard.logs.charge(&item.params, one.fingerprint, now, item.cost);
            return;
        }
        shard.put(&item.params, one.fingerprint, one.step.state, now.monotonic);
    }

    /// Counts a refused cost. The answer is the one that holds afterwards, so that waits stay true.
    fn penalize(
        &self,
        item: &Item,
        one: &Evaluated,
        shard: Option<&mut Guard<'_, Shard>>,
        overflow: &mut Overflow<'_>,
        now: Now,
    ) -> Option<Step> {
        let shard = shard?;
        let known = shard.holds(&item.params, one.fingerprint);
        if one.place == Place::NoRoom || (one.place == Place::Own && !known && shard.len() >= self.per_shard) {
            return None;
        }
        if one.place == Place::Own && item.params.grows() {
            return Some(shard.logs.penalize(&item.params, one.fingerprint, now, item.cost));
        }
        let step = item.params.penalize(one.stored, now, item.cost);
        if one.place == Place::Own {
            shard.put(&item.params, one.fingerprint, step.state, now.monotonic);
        } else if let Some(cells) = overflow {
            cells.insert(item.budget, step.state);
            self.sharing.store(true, Ordering::Relaxed);
        }
        Some(step)
    }

    /// A refusal writes nothing else.
    fn count_refusal(&self, one: &Evaluated) {
        match one.place {
            Place::NoRoom => self.counters.turned_away.fetch_add(1, Ordering::Relaxed),
            Place::Shared => self.counters.shared.fetch_add(1, Ordering::Relaxed),
            Place::Own => 0,
        };
    }
}

/// Units that earlier items of the same request take from the same log, as an item of `mode` sees it.
fn pending(earlier: &[Evaluated], fingerprint: u64, mode: Mode) -> u64 {
    let same = earlier.iter().filter(|e| e.fingerprint == fingerprint && e.counts_for(mode));
    same.fold(0, |sum, e| sum.saturating_add(e.cost))
}
