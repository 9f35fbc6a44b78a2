//! What a shared store last said of each key: what it would say now, as far as that can be told from
//! here, and where to begin when it says nothing any more.
//!
//! While nothing is given back, usage only rises until it wears off by itself. So a cost that did not
//! fit at a known instant does not fit before its wait is over, whoever else asks the store meanwhile.
//! The wait counts from when the question was sent, which is before the store decided, and is cut by
//! one part in two thousand, by which clocks may differ: it never ends later than the store's.

use core::fmt;
use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, Ordering};
use std::hash::RandomState;
use std::sync::OnceLock;

use parking_lot::Mutex;

use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::store::Subject;
use crate::time::{Nanos, Now};

/// Keys remembered: so many sets of [`PLACES`] keys each, eight megabytes when all are taken.
const SETS: usize = 8192;
const PLACES: usize = 8;
/// Keys share one of so many counters of what was given back. Powers of two, both.
const EPOCHS: usize = 1024;
/// One part in so many is the most by which two clocks differ: 500 parts per million.
const DRIFT: u64 = 2000;

/// What a store said of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    /// The quota it was asked under.
    pub(crate) params: Params,
    /// What it said, on the caller's clock.
    pub(crate) state: State,
    /// When it was asked.
    pub(crate) at: Nanos,
    /// How long it took to say so: waits that it told began up to so much later.
    pub(crate) lag: Nanos,
    /// A cost that it refused, and until when. For algorithms whose state does not tell by itself.
    pub(crate) refused: Option<(u64, Nanos)>,
}

impl Sighting {
    /// What the store would say to a cost. `true` where that is certain: it is a refusal then.
    pub(crate) fn verdict(&self, now: Now, cost: u64) -> (Verdict, bool) {
        let here = now.monotonic.max(self.at);
        let elapsed = here.saturating_sub(self.at);
        let late = here.saturating_add(Nanos::new(elapsed.get() / DRIFT + 1));
        // Not more than has passed by the caller's clock, which may be one that is moved by hand.
        let lag = self.lag.min(elapsed);
        let now = Now { monotonic: here, wall: now.wall };
        if tells_little(&self.params) {
            if let Some((refused, until)) = self.refused
                && refused == cost
                && late < until
            {
                let retry = until.saturating_sub(here).saturating_add(lag);
                return (Verdict::Deny { retry: Some(retry) }, true);
            }
            return (self.params.decide(self.state, now, cost).verdict, false);
        }
        match self.params.decide(self.state, now, cost).verdict {
            Verdict::Deny { retry: Some(retry) } => {
                let held = self.params.decide(self.state, Now { monotonic: late, ..now }, cost).verdict;
                let told = Verdict::Deny { retry: Some(retry.saturating_add(lag)) };
                (told, matches!(held, Verdict::Deny { .. }))
            }
            verdict => (verdict, false),
        }
    }
}

/// Whether only the very refusal that was told can be repeated: of a log no more is known than a summary,
/// edges on the wall clock are the store's own, and a slot comes back at any moment.
pub(crate) fn tells_little(params: &Params) -> bool {
    matches!(params.algorithm(), Algorithm::Log | Algorithm::Concurrent) || params.needs_wall()
}

/// Keys with the same place in the table.
type Set = Mutex<Vec<(u64, Sighting)>>;

/// What is known of the keys that this process has asked about.
pub(crate) struct Known {
    hasher: RandomState,
    epochs: Box<[AtomicU64]>,
    sets: OnceLock<Box<[Set]>>,
}

impl Known {
    pub(crate) fn new() -> Self {
        Known {
            hasher: RandomState::new(),
            epochs: (0..EPOCHS).map(|_| AtomicU64::new(0)).collect(),
            sets: OnceLock::new(),
        }
    }

    /// A number for a key, under a secret of this process.
    pub(crate) fn fingerprint(&self, subject: &Subject) -> u64 {
        match subject {
            Subject::Local(number) => self.hasher.hash_one(number),
            Subject::Named(named) => named.fingerprint(),
        }
    }

    /// Grows when something of the key was given back: what was asked before then is not to be learned.
    pub(crate) fn epoch(&self, key: u64) -> u64 {
        self.epochs.get(key as usize & (EPOCHS - 1)).map_or(0, |epoch| epoch.load(Ordering::Acquire))
    }

    /// Remembers what was said, unless something was given back since `epoch`.
    pub(crate) fn learn(&self, key: u64, epoch: u64, mut sighting: Sighting) {
        let Some(set) = self.set(key) else { return };
        let mut set = set.lock();
        if self.epoch(key) != epoch {
            return;
        }
        if let Some((_, known)) = set.iter_mut().find(|(known, _)| *known == key) {
            if known.params == sighting.params {
                if known.at > sighting.at {
                    return;
                }
                sighting.refused = sighting.refused.or(known.refused);
            }
            *known = sighting;
        } else if set.len() < PLACES {
            set.push((key, sighting));
        } else if let Some(idle) = set.iter_mut().min_by_key(|(_, known)| known.state.fresh_at) {
            *idle = (key, sighting);
        }
    }

    /// What is known of a key under a quota.
    pub(crate) fn get(&self, key: u64, params: &Params) -> Option<Sighting> {
        self.look(key, params, Clone::clone)
    }

    /// Looks at what is known of a key under a quota, where it is kept.
    pub(crate) fn look<T>(&self, key: u64, params: &Params, see: impl FnOnce(&Sighting) -> T) -> Option<T> {
        let set = self.sets.get()?.get(index(key))?.lock();
        { set.iter() }
            .find(|(known, sighting)| *known == key && sighting.params == *params)
            .map(|(_, sighting)| see(sighting))
    }

    /// Something was given back: nothing is known any more.
    pub(crate) fn forget(&self, key: u64) {
        if let Some(epoch) = self.epochs.get(key as usize & (EPOCHS - 1)) {
            epoch.fetch_add(1, Ordering::AcqRel);
        }
        // Under the lock, so that nobody who looked at the epoch before writes after.
        if let Some(set) = self.sets.get().and_then(|sets| sets.get(index(key))) {
            set.lock().retain(|(known, _)| *known != key);
        }
    }

    fn set(&self, key: u64) -> Option<&Set> {
        self.sets.get_or_init(|| (0..SETS).map(|_| Mutex::default()).collect()).get(index(key))
    }
}

fn index(key: u64) -> usize {
    (key >> 32) as usize & (SETS - 1)
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}
