//! The second most common case: two rules, and room for both keys.

use super::MemoryStore;
use super::shard::Shard;
use super::single::{Single, is_counted, takes};
use super::table::{Seat, Value};
use crate::algorithm::bucket::Charge;
use crate::algorithm::{Params, State, Step, Verdict};
use crate::store::{ItemReply, Mode, Place};
use crate::time::{Nanos, Now};

/// What is known of an item before anything is written.
struct Look {
    seat: Seat,
    stored: State,
    step: Step,
}

impl MemoryStore {
    /// Decides about two items: whether both are allowed, and the reply to each. `None` if the case
    /// is not common, and then nothing has happened.
    #[inline(always)]
    pub(crate) fn decide_pair(&self, pair: &[Single<'_>; 2], now: Now) -> Option<(bool, [ItemReply; 2])> {
        match self.decide_known_pair(pair, now) {
            Some(told) => Some(told),
            None => self.decide_unknown_pair(pair, now),
        }
    }

    /// Two buckets whose keys are known and that charge, in line; `None` for anything else, and then
    /// nothing has happened.
    #[inline(always)]
    pub(crate) fn decide_known_pair(&self, pair: &[Single<'_>; 2], now: Now) -> Option<(bool, [ItemReply; 2])> {
        self.maintain(now.monotonic);
        let [one, two] = pair;
        let charges = |single: &Single<'_>| matches!(single.mode, Mode::Charge | Mode::Penalty);
        if one.params.is_wide() || two.params.is_wide() || !charges(one) || !charges(two) {
            return None;
        }
        let prints = [one.fingerprint.max(1), two.fingerprint.max(1)];
        let shards = (self.shard_of(prints[0]), self.shard_of(prints[1]));
        if shards.0 == shards.1 {
            return None;
        }
        let locks = (self.shard(prints[0])?, self.shard(prints[1])?);
        let charges = (Charge::new(one.params, one.cost), Charge::new(two.params, two.cost));
        // One global order: ascending by shard.
        let ascending = shards.0 < shards.1;
        let (lower, upper) = if ascending { locks } else { (locks.1, locks.0) };
        let (lower, upper) = (lower.lock.lock(), upper.lock.lock());
        let (mut first, mut second) = if ascending { (lower, upper) } else { (upper, lower) };
        let Ok(left) = first.narrow.own(prints[0]) else { return None };
        let Ok(right) = second.narrow.own(prints[1]) else { return None };
        let stored = (left.unpack(), right.unpack());
        let taken = (charges.0.take(stored.0, now), charges.1.take(stored.1, now));
        let reply = |verdict, state| ItemReply { verdict, state, place: Place::Own };
        let (Ok(one_then), Ok(other_then)) = taken else {
            let verdict = |taken: Result<State, Verdict>| taken.err().unwrap_or(Verdict::Allow);
            let verdicts = (verdict(taken.0), verdict(taken.1));
            if is_counted(&verdicts.0, one.mode) || is_counted(&verdicts.1, two.mode) {
                return None;
            }
            return Some((false, [reply(verdicts.0, stored.0), reply(verdicts.1, stored.1)]));
        };
        (*left, *right) = (Value::pack(one_then), Value::pack(other_then));
        first.narrow.note(one_then.fresh_at);
        second.narrow.note(other_then.fresh_at);
        if locks.0.has_noted(prints[0]) {
            locks.0.wipe();
        }
        if locks.1.has_noted(prints[1]) {
            locks.1.wipe();
        }
        Some((true, [reply(Verdict::Allow, one_then), reply(Verdict::Allow, other_then)]))
    }

    #[inline(never)]
    fn decide_unknown_pair(&self, pair: &[Single<'_>; 2], now: Now) -> Option<(bool, [ItemReply; 2])> {
        let prints = [pair[0].fingerprint.max(1), pair[1].fingerprint.max(1)];
        if prints[0] == prints[1] || pair.iter().any(|single| single.params.grows()) {
            return None;
        }
        let (first, second) = (self.shard_of(prints[0]), self.shard_of(prints[1]));
        if first == second {
            return self.decide_neighbours(pair, prints, now);
        }
        // One global order: ascending by shard.
        let mut shards = if first < second {
            let lower = self.shard(prints[0])?.lock_and_wipe();
            [lower, self.shard(prints[1])?.lock_and_wipe()]
        } else {
            let lower = self.shard(prints[1])?.lock_and_wipe();
            [self.shard(prints[0])?.lock_and_wipe(), lower]
        };
        let looks = [
            self.look_at(&shards[0], 0, &pair[0], prints[0], now)?,
            self.look_at(&shards[1], 0, &pair[1], prints[1], now)?,
        ];
        let allowed = both_pass(pair, &looks);
        if allowed {
            for at in [0, 1] {
                if is_written(&pair[at], &looks[at]) {
                    let Look { seat, step, .. } = &looks[at];
                    shards[at].seat(pair[at].params, *seat, prints[at], step.state, now.monotonic);
                }
            }
        }
        Some((allowed, replies(pair, &looks, allowed)))
    }

    /// Both keys are in one shard.
    #[cold]
    #[inline(never)]
    fn decide_neighbours(&self, pair: &[Single<'_>; 2], prints: [u64; 2], now: Now) -> Option<(bool, [ItemReply; 2])> {
        let mut shard = self.shard(prints[0])?.lock_and_wipe();
        let looks =
            [self.look_at(&shard, 0, &pair[0], prints[0], now)?, self.look_at(&shard, 1, &pair[1], prints[1], now)?];
        let allowed = both_pass(pair, &looks);
        for at in [0, 1] {
            if allowed && is_written(&pair[at], &looks[at]) {
                // The first may have taken the seat that was found for the second.
                let (params, print) = (pair[at].params, prints[at]);
                let (seat, _) = shard.seek(params, print, now.monotonic);
                shard.seat(params, seat, print, looks[at].step.state, now.monotonic);
            }
        }
        Some((allowed, replies(pair, &looks, allowed)))
    }

    /// `coming` new keys of the same decision may need room before this one.
    #[inline]
    fn look_at(&self, shard: &Shard, coming: usize, single: &Single<'_>, print: u64, now: Now) -> Option<Look> {
        let (seat, stored) = shard.seek(single.params, print, now.monotonic);
        if !matches!(seat, Seat::Own(_))
            && !self.may_sit(seat, shard.len() + coming < self.per_shard, single.at_ceiling)
        {
            return None;
        }
        let step = single.params.decide(stored, now, single.cost);
        if single.mode == Mode::Penalty && matches!(step.verdict, Verdict::Deny { .. }) {
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
#[inline]
fn both_pass(pair: &[Single<'_>; 2], looks: &[Look; 2]) -> bool {
    passes(&looks[0].step, pair[0].mode) && passes(&looks[1].step, pair[1].mode)
}

#[inline]
fn passes(step: &Step, mode: Mode) -> bool {
    step.verdict == Verdict::Allow || mode == Mode::Shadow
}

/// Whether an allowed decision changes this cell.
#[inline]
fn is_written(single: &Single<'_>, look: &Look) -> bool {
    takes(&look.step, single.mode) && single.cost > 0
}

#[inline]
fn replies(pair: &[Single<'_>; 2], looks: &[Look; 2], allowed: bool) -> [ItemReply; 2] {
    let reply = |at: usize| {
        let Look { step, stored, .. } = &looks[at];
        let state = if allowed && takes(step, pair[at].mode) { step.state } else { *stored };
        ItemReply { verdict: step.verdict, state, place: Place::Own }
    };
    [reply(0), reply(1)]
}

impl Shard {
    #[inline]
    fn seek(&self, params: &Params, print: u64, now: Nanos) -> (Seat, State) {
        if params.is_wide() { self.wide.seek(print, now) } else { self.narrow.seek(print, now) }
    }

    #[inline]
    fn seat(&mut self, params: &Params, seat: Seat, print: u64, state: State, now: Nanos) {
        if params.is_wide() {
            self.sit::<State>(seat, print, state, now);
        } else {
            self.sit::<Nanos>(seat, print, Value::pack(state), now);
        }
    }
}
