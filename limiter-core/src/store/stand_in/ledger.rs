//! Which keys this process has decided about on its own, and what it owes the store for them.
//!
//! What is owed is not what was admitted, since part of that has worn off meanwhile: it is what stands
//! here now, less what would stand if nothing had been admitted here.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::HashMap;

use parking_lot::Mutex;

use super::known::Sighting;
use crate::algorithm::{Params, State};
use crate::rule::AtCeiling;
use crate::store::memory::MemoryStore;
use crate::store::{Charged, Decide, Item, Mode, Place, Subject};
use crate::time::{Nanos, Now};

/// Keys remembered. What an outage admits to still more of them is not charged afterwards.
const MOST: usize = 100_000;

#[derive(Default)]
pub(super) struct Ledger {
    len: AtomicUsize,
    entries: Mutex<HashMap<u64, Entry>>,
}

/// A key that this process decides about.
struct Entry {
    budget: u64,
    subject: Subject,
    whole: Params,
    share: Params,
    /// Where it began, as a share of what the store had said.
    seed: State,
}

/// What this process owes the store for one key.
#[derive(Debug)]
pub(crate) struct Debt {
    pub(super) key: u64,
    share: Params,
    /// Units to be charged; may be none.
    pub(crate) units: i64,
    /// Whom to charge.
    pub(crate) charge: Charged,
}

impl Ledger {
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.entries.lock().contains_key(&key)
    }

    /// Begins with a key where the store left off, unless that was done.
    pub(super) fn open(&self, opened: Opened<'_>, last: Option<Sighting>, local: &MemoryStore, now: Now) {
        let Opened { key, budget, subject, whole, share } = opened;
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get_mut(&key) {
            // Larger costs come with larger shares.
            if share.capacity() > entry.share.capacity() {
                entry.share = share;
            }
            return;
        }
        if entries.len() >= MOST {
            entries.retain(|key, entry| entry.owed(*key, local, now) > 0);
            if entries.len() >= MOST {
                return;
            }
        }
        let used = last.map_or(0, |last| share_used(&last, &share, now));
        let seed = share.settle(State::default(), now, Nanos::ZERO, used);
        charge(key, budget, &share, local, now, used);
        entries.insert(key, Entry { budget, subject: subject.clone(), whole, share, seed });
        self.len.store(entries.len(), Ordering::Release);
    }

    /// Takes out what is owed for one key, or for all, and forgets what was counted here.
    pub(super) fn take(&self, key: Option<u64>, local: &MemoryStore, now: Now) -> Vec<Debt> {
        let taken: Vec<(u64, Entry)> = {
            let mut entries = self.entries.lock();
            let taken = match key {
                Some(key) => entries.remove(&key).map(|entry| (key, entry)).into_iter().collect(),
                None => entries.drain().collect(),
            };
            self.len.store(entries.len(), Ordering::Release);
            taken
        };
        let debts = taken.into_iter().map(|(key, entry)| {
            let units = entry.owed(key, local, now);
            local.reset(&[charged(entry.budget, Subject::Local(key), entry.share, 0, now)]);
            let charge = charged(entry.budget, entry.subject, entry.whole, units.unsigned_abs(), now);
            Debt { key, share: entry.share, units, charge }
        });
        debts.collect()
    }

    /// Owes again what could not be paid.
    pub(super) fn put_back(&self, debt: &Debt, last: Option<Sighting>, local: &MemoryStore, now: Now) {
        let Debt { key, share, units, charge: Charged { budget, subject, params: whole, .. } } = debt;
        let opened = Opened { key: *key, budget: *budget, subject, whole: *whole, share: *share };
        self.open(opened, last, local, now);
        charge(*key, *budget, share, local, now, *units);
    }
}

/// A key to begin with.
pub(super) struct Opened<'a> {
    pub(super) key: u64,
    pub(super) budget: u64,
    pub(super) subject: &'a Subject,
    pub(super) whole: Params,
    pub(super) share: Params,
}

impl Entry {
    fn owed(&self, key: u64, local: &MemoryStore, now: Now) -> i64 {
        let item = Item {
            budget: self.budget,
            subject: Subject::Local(key),
            params: self.share,
            cost: 0,
            mode: Mode::Peek,
            at_ceiling: AtCeiling::default(),
            settles: false,
        };
        let shown = local.inspect(&Decide { now, items: core::iter::once(item).collect() });
        let state = shown.items.first().map_or(State::default(), |reply| reply.state);
        let owed = used(&self.share, state, now).saturating_sub(used(&self.share, self.seed, now));
        i64::try_from(owed).unwrap_or(i64::MAX)
    }
}

/// What a share of the units that the store last counted comes to now.
fn share_used(last: &Sighting, share: &Params, now: Now) -> i64 {
    let left = last.params.remaining(last.state, now);
    if left >= last.params.capacity() {
        return 0;
    }
    let left = u128::from(left) * u128::from(share.capacity()) / u128::from(last.params.capacity().max(1));
    let used = share.capacity().saturating_sub(u64::try_from(left).unwrap_or(u64::MAX));
    i64::try_from(used).unwrap_or(i64::MAX)
}

fn used(params: &Params, state: State, now: Now) -> u64 {
    params.capacity().saturating_sub(params.remaining(state, now))
}

fn charge(key: u64, budget: u64, share: &Params, local: &MemoryStore, now: Now, units: i64) {
    if units > 0 {
        local.settle(now, &[(charged(budget, Subject::Local(key), *share, units.unsigned_abs(), now), units)]);
    }
}

fn charged(budget: u64, subject: Subject, params: Params, cost: u64, now: Now) -> Charged {
    Charged { budget, subject, params, cost, at: now.monotonic, until: now.monotonic, place: Place::Own }
}
