//! The common case: one rule, and room for its key. One lock, one probe, at most one write.
//!
//! Whatever is not common (no room, exact logs, refusals that are counted) is left to the general
//! way, which gives the same answers.

use smallvec::SmallVec;

use super::lock::Guard;
use super::shard::Shard;
use super::sync::Ordering;
use super::table::{Seat, Value};
use super::{MemoryStore, fingerprint};
use crate::algorithm::bucket::Charge;
use crate::algorithm::{Algorithm, Params, State, Step, Verdict};
use crate::rule::AtCeiling;
use crate::store::{Decide, Item, ItemReply, Mode, Place, Subject};
use crate::time::{Nanos, Now};

/// The only rule of a request: what an [`Item`] says, but borrowed and in the words of this store, so
/// that it is passed in registers.
#[derive(Clone, Copy, Debug)]
pub struct Single<'a> {
    /// The budget: equal for all keys of a rule.
    pub budget: u64,
    /// The budget of one key, as a keyed hash of both.
    pub fingerprint: u64,
    /// The quota.
    pub params: &'a Params,
    /// Units.
    pub cost: u64,
    /// Take, ask or record.
    pub mode: Mode,
    /// What to do when there is no room for a new key.
    pub at_ceiling: AtCeiling,
}

/// What is not decided in line: a new key of a bucket, with its shard and the free cell at the end of
/// its way; or nothing, for another algorithm and for a refusal that is counted.
pub(crate) struct Unknown<'a>(Option<(Guard<'a, Shard>, usize)>);

impl<'a> From<&'a Item> for Single<'a> {
    fn from(item: &'a Item) -> Self {
        Single {
            budget: item.budget,
            fingerprint: fingerprint(&item.subject),
            params: &item.params,
            cost: item.cost,
            mode: item.mode,
            at_ceiling: item.at_ceiling,
        }
    }
}

impl MemoryStore {
    /// Decides about a request to which one rule applies, as [`decide`](Self::decide) would: whether
    /// it is allowed, and the reply to the item.
    #[must_use]
    #[inline(always)]
    pub fn decide_one(&self, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        match self.decide_known(single, now) {
            Ok(told) => told,
            Err(unknown) => self.decide_out_of_line(unknown, again(single), now),
        }
    }

    #[inline(never)]
    fn decide_out_of_line(&self, unknown: Unknown<'_>, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        self.decide_unknown(unknown, single, now)
    }

    /// A bucket whose key is known, in line; anything else is for [`decide_unknown`](Self::decide_unknown).
    #[inline(always)]
    pub(crate) fn decide_known(&self, single: Single<'_>, now: Now) -> Result<(bool, ItemReply), Unknown<'_>> {
        self.maintain(now.monotonic);
        if single.params.algorithm() != Algorithm::Bucket {
            return Err(Unknown(None));
        }
        let fingerprint = single.fingerprint.max(1);
        let Some(padded) = self.shard(fingerprint) else { return Err(Unknown(None)) };
        let charge = Charge::new(single.params, single.cost);
        if let Some(fresh_at) = padded.refusal.of(fingerprint) {
            let stored = fresh_at.unpack();
            let step = charge.decide(stored, now);
            if step.verdict != Verdict::Allow && !is_counted(&step, single.mode) {
                return Ok(told(single.mode, &step, stored));
            }
        }
        let mut shard = padded.lock.lock();
        let cell = match shard.narrow.own(fingerprint) {
            Ok(cell) => cell,
            Err(free) => return Err(Unknown(Some((shard, free)))),
        };
        let stored = cell.unpack();
        let step = charge.decide(stored, now);
        if takes(&step, single.mode) {
            // A question about a known key writes what is there.
            *cell = Nanos::pack(step.state);
            shard.narrow.note(step.state.fresh_at);
            if shard.refused == fingerprint {
                padded.wipe(&mut shard);
            }
            return Ok(told(single.mode, &step, step.state));
        }
        if is_counted(&step, single.mode) {
            return Err(Unknown(None));
        }
        if step.verdict != Verdict::Allow {
            padded.refusal.note(fingerprint, stored.fresh_at);
            shard.refused = fingerprint;
        }
        Ok(told(single.mode, &step, stored))
    }

    #[inline(always)]
    pub(crate) fn decide_unknown(&self, unknown: Unknown<'_>, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        let single = Single { fingerprint: single.fingerprint.max(1), ..single };
        match unknown.0 {
            Some((shard, free)) => self.decide_new::<Nanos>(shard, free, single, now),
            None => self.decide_else(single, now),
        }
    }

    /// Other algorithms, and what is not common.
    #[inline(always)]
    fn decide_else(&self, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        if single.params.algorithm() == Algorithm::Bucket || single.params.grows() {
            return self.decide_rare(single, now);
        }
        let Some(shard) = self.shard(single.fingerprint) else { return self.decide_rare(single, now) };
        let mut shard = shard.lock.lock();
        let cell = match shard.wide.own(single.fingerprint) {
            Ok(cell) => cell,
            Err(free) => return self.decide_new::<State>(shard, free, single, now),
        };
        let stored = *cell;
        let step = single.params.decide(stored, now, single.cost);
        if takes(&step, single.mode) {
            if single.cost > 0 {
                *cell = step.state;
                shard.wide.note(step.state.fresh_at);
            }
            return told(single.mode, &step, step.state);
        }
        if !is_counted(&step, single.mode) {
            return told(single.mode, &step, stored);
        }
        drop(shard);
        self.decide_rare(single, now)
    }

    #[inline]
    fn decide_new<V: Value>(
        &self,
        mut shard: Guard<'_, Shard>,
        free: usize,
        single: Single<'_>,
        now: Now,
    ) -> (bool, ItemReply) {
        let room = shard.len() < self.per_shard;
        // The key may have been refused before its cell was dropped for being stale.
        if shard.refused == single.fingerprint
            && let Some(padded) = self.shard(single.fingerprint)
        {
            padded.wipe(&mut shard);
        }
        let table = V::table(&mut shard);
        let seat = table.vacancy(single.fingerprint, free, now.monotonic);
        if self.may_sit(seat, room, single.at_ceiling) {
            let step = V::decide(single.params, State::default(), now, single.cost);
            if takes(&step, single.mode) {
                if single.cost > 0 {
                    table.sit(seat, single.fingerprint, step.state, now.monotonic);
                }
                return told(single.mode, &step, step.state);
            }
            if !is_counted(&step, single.mode) {
                return told(single.mode, &step, State::default());
            }
        }
        drop(shard);
        self.decide_rare(single, now)
    }

    #[cold]
    #[inline(never)]
    fn decide_rare(&self, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        let item = Item {
            budget: single.budget,
            subject: Subject::Local(single.fingerprint),
            params: *single.params,
            cost: single.cost,
            mode: single.mode,
            at_ceiling: single.at_ceiling,
            settles: false,
        };
        let mut items = SmallVec::new();
        items.push(item);
        let decided = self.evaluate(&Decide { now, items }, true);
        let nothing = ItemReply { verdict: Verdict::TooBig, state: State::default(), place: Place::NoRoom };
        (decided.allowed, decided.items.first().copied().unwrap_or(nothing))
    }

    /// Whether a new key may sit there, without asking what the rule says about a full table.
    #[inline]
    pub(super) fn may_sit(&self, seat: Seat, room: bool, at_ceiling: AtCeiling) -> bool {
        let shares = at_ceiling == AtCeiling::Overflow && self.sharing.load(Ordering::Relaxed);
        !shares && (room || matches!(seat, Seat::Stale(_)))
    }
}

/// A copy for a call. Passing on what came in would put all of it into memory, though nobody calls.
#[inline(always)]
pub(crate) fn again(single: Single<'_>) -> Single<'_> {
    let Single { budget, fingerprint, params, cost, mode, at_ceiling } = single;
    Single { budget, fingerprint, params, cost, mode, at_ceiling }
}

#[inline]
pub(super) fn takes(step: &Step, mode: Mode) -> bool {
    step.verdict == Verdict::Allow && mode != Mode::Peek
}

/// Whether a refusal is written down.
#[inline]
pub(super) fn is_counted(step: &Step, mode: Mode) -> bool {
    mode == Mode::Penalty && matches!(step.verdict, Verdict::Deny { .. })
}

#[inline]
fn told(mode: Mode, step: &Step, state: State) -> (bool, ItemReply) {
    let allowed = step.verdict == Verdict::Allow || mode == Mode::Shadow;
    (allowed, ItemReply { verdict: step.verdict, state, place: Place::Own })
}
