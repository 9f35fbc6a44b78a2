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
use crate::algorithm::{Algorithm, Params, State, Step, Verdict, concurrent, fixed, sliding};
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
        if padded.has_noted(fingerprint)
            && let Some(fresh_at) = padded.refusal.of(fingerprint)
            // Cells that are stale are dropped without a look at the note, and the key may be back since.
            && fresh_at > now.monotonic
        {
            let stored = State { fresh_at, ..State::default() };
            if let Err(verdict) = charge.take(stored, now)
                && !is_counted(&verdict, single.mode)
            {
                return Ok(refused(single.mode, verdict, stored));
            }
        }
        let mut shard = padded.lock.lock();
        let cell = match shard.narrow.own(fingerprint) {
            Ok(cell) => cell,
            Err(free) => return Err(Unknown(Some((shard, free)))),
        };
        let stored = cell.unpack();
        match charge.take(stored, now) {
            Ok(_) if single.mode == Mode::Peek => Ok(allowed(stored)),
            Ok(state) => {
                // A question about a known key writes what is there.
                *cell = Value::pack(state);
                shard.narrow.note(state.fresh_at);
                if padded.has_noted(fingerprint) {
                    padded.wipe();
                }
                Ok(allowed(state))
            }
            Err(verdict) if is_counted(&verdict, single.mode) => Err(Unknown(None)),
            Err(verdict) => {
                padded.note(fingerprint, stored.fresh_at);
                Ok(refused(single.mode, verdict, stored))
            }
        }
    }

    /// What [`decide_known`](Self::decide_known) has left open, about the same rule as [`again`] hands it on.
    #[inline(always)]
    pub(crate) fn decide_unknown(&self, unknown: Unknown<'_>, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        debug_assert_ne!(single.fingerprint, 0, "a fingerprint as the tables keep it");
        match unknown.0 {
            Some((shard, free)) => self.decide_new::<Nanos>(shard, free, single, now),
            None => self.decide_else(single, now),
        }
    }

    /// Other algorithms, each in line that is short enough for it, and what is not common.
    #[inline(always)]
    fn decide_else(&self, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        if single.params.algorithm() == Algorithm::Bucket || single.params.grows() {
            return self.decide_rare(single, now);
        }
        let Some(shard) = self.shard(single.fingerprint) else { return self.decide_rare(single, now) };
        let shard = shard.lock.lock();
        match single.params.algorithm() {
            Algorithm::Concurrent => self.decide_wide(shard, single, now, concurrent::take),
            Algorithm::Fixed if !single.params.needs_wall() => {
                self.decide_wide(shard, single, now, fixed::take_unaligned)
            }
            Algorithm::Sliding => self.decide_wide(shard, single, now, sliding::take),
            _ => self.decide_long(shard, single, now),
        }
    }

    #[inline(never)]
    fn decide_long(&self, shard: Guard<'_, Shard>, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        self.decide_wide(shard, single, now, Params::take)
    }

    #[inline(always)]
    fn decide_wide(
        &self,
        mut shard: Guard<'_, Shard>,
        single: Single<'_>,
        now: Now,
        take: impl FnOnce(&Params, State, Now, u64) -> Result<State, Verdict>,
    ) -> (bool, ItemReply) {
        let cell = match shard.wide.own(single.fingerprint) {
            Ok(cell) => cell,
            Err(free) => return self.decide_new_wide(shard, free, single, now),
        };
        let stored = *cell;
        let taken = if single.cost > single.params.capacity() {
            Err(Verdict::TooBig)
        } else {
            take(single.params, stored, now, single.cost)
        };
        match taken {
            Ok(_) if single.mode == Mode::Peek => allowed(stored),
            Ok(state) => {
                if single.cost > 0 {
                    *cell = state;
                    shard.wide.note(state.fresh_at);
                }
                allowed(state)
            }
            Err(verdict) if is_counted(&verdict, single.mode) => {
                drop(shard);
                self.decide_rare(single, now)
            }
            Err(verdict) => refused(single.mode, verdict, stored),
        }
    }

    #[inline(never)]
    fn decide_new_wide(&self, shard: Guard<'_, Shard>, free: usize, single: Single<'_>, now: Now) -> (bool, ItemReply) {
        self.decide_new::<State>(shard, free, single, now)
    }

    #[inline(always)]
    fn decide_new<V: Value>(
        &self,
        mut shard: Guard<'_, Shard>,
        free: usize,
        single: Single<'_>,
        now: Now,
    ) -> (bool, ItemReply) {
        let room = shard.len() < self.per_shard;
        let seat = V::table(&mut shard).vacancy(single.fingerprint, free, now.monotonic);
        if self.may_sit(seat, room, single.at_ceiling) {
            match V::take(single.params, State::default(), now, single.cost) {
                Ok(_) if single.mode == Mode::Peek => return allowed(State::default()),
                Ok(state) => {
                    if single.cost > 0 {
                        shard.sit(seat, single.fingerprint, V::pack(state), now.monotonic);
                    }
                    return allowed(state);
                }
                Err(verdict) if is_counted(&verdict, single.mode) => {}
                Err(verdict) => return refused(single.mode, verdict, State::default()),
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
        if at_ceiling == AtCeiling::Overflow && self.sharing.load(Ordering::Relaxed) {
            return false;
        }
        room || matches!(seat, Seat::Stale(_))
    }
}

/// A copy for a call, with the fingerprint as the tables keep it. Passing on what came in would put all
/// of it into memory, though nobody calls.
#[inline(always)]
pub(crate) fn again(single: Single<'_>) -> Single<'_> {
    Single { fingerprint: single.fingerprint.max(1), ..single }
}

#[inline]
pub(super) fn takes(step: &Step, mode: Mode) -> bool {
    step.verdict == Verdict::Allow && mode != Mode::Peek
}

/// Whether a refusal is written down.
#[inline]
pub(super) fn is_counted(verdict: &Verdict, mode: Mode) -> bool {
    mode == Mode::Penalty && matches!(verdict, Verdict::Deny { .. })
}

#[inline(always)]
fn allowed(state: State) -> (bool, ItemReply) {
    (true, ItemReply { verdict: Verdict::Allow, state, place: Place::Own })
}

#[inline(always)]
fn refused(mode: Mode, verdict: Verdict, state: State) -> (bool, ItemReply) {
    (mode == Mode::Shadow, ItemReply { verdict, state, place: Place::Own })
}
