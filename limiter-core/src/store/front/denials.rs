//! Refusing what the store would refuse, without asking it.

use smallvec::SmallVec;

use super::Inner;
use super::numbers::moved;
use crate::algorithm::{Algorithm, Verdict};
use crate::decision::Source;
use crate::store::stand_in::known::{Known, Sighting, tells_little};
use crate::store::{Decide, Decided, Item, ItemReply, Mode, Place, Store};
use crate::time::Nanos;

/// The keys of a decision: a number and the epoch of each.
pub(super) type Keys = SmallVec<[(u64, u64); 2]>;

/// Numbers for the keys of a decision, with what was given back of them so far.
pub(super) fn keys(known: &Known, decide: &Decide) -> Keys {
    let keys = decide.items.iter().map(|item| known.fingerprint(&item.subject));
    keys.map(|key| (key, known.epoch(key))).collect()
}

impl<S: Store> Inner<S> {
    /// The refusal that the store would answer, if that is certain, with the numbers of all items.
    pub(super) fn refused(&self, decide: &Decide, keys: &Keys) -> Option<Decided> {
        let lasts = |item: &Item| !item.settles && matches!(item.mode, Mode::Charge | Mode::Peek);
        if !self.options.denials || !decide.items.iter().all(lasts) {
            return None;
        }
        let mut decided = Decided { source: Source::DenialCache, ..Decided::default() };
        let mut certain = false;
        for (item, (key, _)) in decide.items.iter().zip(keys) {
            let verdict = |sighting: &Sighting| (sighting.verdict(decide.now, item.cost), sighting.state);
            let ((verdict, sure), state) = self.stand_in.known().look(*key, &item.params, verdict)?;
            certain |= sure;
            decided.items.push(ItemReply { verdict, state, place: Place::Own });
        }
        certain.then_some(decided)
    }

    /// Remembers what the store said.
    pub(super) fn learn(&self, decide: &Decide, keys: &Keys, lag: Nanos, decided: &Decided) {
        for ((item, reply), (key, epoch)) in decide.items.iter().zip(&decided.items).zip(keys) {
            if reply.place != Place::Own || item.params.algorithm() == Algorithm::Concurrent {
                continue;
            }
            let refused = match reply.verdict {
                Verdict::Deny { retry: Some(retry) } if tells_little(&item.params) => {
                    Some((item.cost, decide.now.monotonic.saturating_add(retry)))
                }
                _ => None,
            };
            // As if it had been decided when it was sent: what is denied from then on ends no later here.
            let at = decide.now.monotonic;
            let then = decided.now.map_or(at, |now| now.monotonic);
            let state = moved(&item.params, reply.state, then, at);
            let sighting = Sighting { params: item.params, state, at, lag, refused };
            self.stand_in.known().learn(*key, *epoch, sighting);
        }
    }
}
