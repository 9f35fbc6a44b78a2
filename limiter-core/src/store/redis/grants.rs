//! What becomes of slots that were granted: kept, given back, or given back because nobody is there any
//! more who could.

use std::sync::Arc;

use super::encode;
use super::engine::{Answered, Inner, MOST_SLOTS, Question, RedisEngine};
use super::leases::{self, Slot};
use crate::algorithm::{Algorithm, Verdict};
use crate::store::{Answer, Charged, Decided, Item, Lease, Mode, Reply};

impl RedisEngine {
    /// Gives back what a call without an answer may have taken. It follows on the same connection if
    /// that lives; otherwise the slots run out.
    pub(super) fn forget(&self, question: &Question, id: u64) {
        let permit = self.inner.leases.permit(id);
        for (at, (item, key)) in question.decide.items.iter().zip(&question.call.keys).enumerate() {
            if item.params.algorithm() == Algorithm::Concurrent && item.cost > 0 {
                let slot = slot(key, item, &permit, at);
                self.give_back(slot);
            }
        }
    }

    pub(super) fn give_back(&self, slot: Slot) {
        let route = Arc::clone(&self.inner.route);
        self.inner.settings.runtime.spawn(async move {
            let _ = leases::release(&route, &slot).await;
        });
    }

    pub(super) fn release(&self, charges: &[Charged], lease: Option<&Lease>) -> Reply<Answered> {
        let mut slots: Vec<Slot> = Vec::new();
        match lease {
            Some(lease) => slots = self.inner.leases.take(lease.id()),
            None => {
                for charge in charges.iter().filter(|charge| charge.params.algorithm() == Algorithm::Concurrent) {
                    let Ok(key) = self.inner.names.key(&charge.subject, &charge.params) else { continue };
                    slots.extend(self.inner.leases.take_any(&key, charge.cost));
                }
            }
        }
        let engine = self.clone();
        self.spawn(async move {
            let mut answer = Ok(Answer::Done);
            for slot in &slots {
                if let Err(failure) = leases::release(&engine.inner.route, slot).await {
                    answer = Err(engine.failed(failure));
                }
            }
            (answer, None)
        })
    }
}

/// The permits that a grant consists of.
pub(super) fn slots(question: &Question, decided: &Decided, inner: &Inner, id: u64) -> Vec<Slot> {
    let permit = inner.leases.permit(id);
    // What is in shadow is charged as if all were enforced.
    let whole = decided.items.iter().all(|reply| reply.verdict == Verdict::Allow);
    let items = question.decide.items.iter().zip(&decided.items).zip(&question.call.keys).enumerate();
    let granted = items.filter(|(_, ((item, reply), _))| {
        item.params.algorithm() == Algorithm::Concurrent
            && item.mode != Mode::Peek
            && (whole || item.mode != Mode::Shadow)
            && item.cost > 0
            && reply.verdict == Verdict::Allow
    });
    granted.map(|(at, ((item, _), key))| slot(key, item, &permit, at)).collect()
}

fn slot(key: &str, item: &Item, permit: &str, at: usize) -> Slot {
    let name = encode::permit_name(permit, at);
    let permits = (1..=item.cost.min(MOST_SLOTS)).map(|unit| format!("{name}{unit}")).collect();
    Slot { key: key.to_owned(), capacity: item.params.capacity(), permits }
}

/// Slots that were granted to somebody who may not be there any more. Dropped, it gives them back.
pub(super) struct Unclaimed {
    pub(super) engine: RedisEngine,
    pub(super) lease: Option<Arc<Lease>>,
}

impl Unclaimed {
    pub(super) fn claim(mut self) {
        self.lease = None;
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            for slot in self.engine.inner.leases.take(lease.id()) {
                self.engine.give_back(slot);
            }
        }
    }
}
