//! Looking whether a store is back, and paying what is owed to it.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::denials::Keys;
use super::pass::{After, Held, Lost, Told, handed_over};
use super::{Front, Inner};
use crate::store::stand_in::Debt;
use crate::store::{BoxFuture, Decide, Operation, Reply, Store, StoreError};
use crate::time::Now;

/// Debts that are paid at the same time.
const AT_ONCE: usize = 64;

impl<S: Store> Inner<S> {
    /// Looks whether the store is back by a question that changes nothing; nobody waits for it.
    pub(super) fn look(self: &Arc<Self>, decide: Decide, shard: usize) {
        let now = decide.now;
        let reply = self.engine.submit(Operation::Inspect(decide));
        let looked = move |inner: &Self, told: &Told| {
            let worked = !matches!(told, Err(error) if error.is_outage());
            inner.breaker(shard).is_some_and(|breaker| breaker.looked(inner.now(), worked))
        };
        match (reply, self.runtime()) {
            (Reply::Later(answer), Ok(runtime)) => {
                let inner = Arc::clone(self);
                runtime.spawn(async move {
                    let told = tokio::time::timeout(inner.deadline(), answer).await;
                    if looked(&inner, &told.unwrap_or_else(|_| Err(StoreError::timeout()))) {
                        inner.pay_all(now).await;
                    }
                });
            }
            (Reply::Now(told), _) => {
                looked(self, &told);
            }
            (Reply::Later(_), Err(error)) => {
                looked(self, &Err(error));
            }
        }
    }

    /// Whether this process owes for a key of a decision.
    pub(super) fn owes_for(&self, decide: &Decide) -> bool {
        decide.items.iter().any(|item| self.stand_in.owes_for(&item.subject))
    }

    /// Charges the store with what was admitted without it.
    async fn pay_all(self: &Arc<Self>, now: Now) {
        let mut debts = self.stand_in.debts(None, now).into_iter();
        loop {
            let under_way: SmallVec<[_; AT_ONCE]> =
                debts.by_ref().take(AT_ONCE).map(|debt| self.charge(debt, now)).collect();
            if under_way.is_empty() {
                return;
            }
            for paying in under_way {
                // What is still owed will be paid with the next decision about its key.
                let _ = paying.await;
            }
        }
    }

    /// One debt: under way when this returns. What cannot be paid is owed again, even if the store may
    /// have heard of it: charging twice is the safe mistake.
    fn charge(self: &Arc<Self>, debt: Debt, now: Now) -> BoxFuture<Result<(), StoreError>> {
        if debt.units == 0 {
            return Box::pin(async { Ok(()) });
        }
        let charges = SmallVec::from_iter([(debt.charge.clone(), debt.units)]);
        let reply = self.engine.submit(Operation::Settle { now, charges });
        let inner = Arc::clone(self);
        let shard = inner.engine.shard_of(&debt.charge.subject, &debt.charge.params);
        Box::pin(async move {
            let told = match reply {
                Reply::Now(told) => {
                    inner.note(shard, &told, inner.now());
                    told
                }
                Reply::Later(answer) => inner.within(inner.deadline(), shard, answer).await,
            };
            told.map(drop).inspect_err(|_| inner.stand_in.still_owes(&debt, now))
        })
    }
}

impl<S: Store> Front<S> {
    /// Pays for the keys of a decision before the store decides about them.
    pub(super) fn after_paying(&self, decide: Decide, keys: Keys, shard: usize) -> Reply<Told> {
        let inner = &self.inner;
        let runtime = match inner.runtime() {
            Ok(runtime) => runtime,
            Err(error) => return Reply::Now(Err(error)),
        };
        let subjects = decide.items.iter().map(|item| &item.subject);
        let debts: Vec<Debt> = subjects.flat_map(|subject| inner.stand_in.debts(Some(subject), decide.now)).collect();
        // In tasks of their own: what is not paid in time goes on, and is owed again if it fails.
        let under_way: Vec<_> = debts.into_iter().map(|debt| runtime.spawn(inner.charge(debt, decide.now))).collect();
        let (tell, told) = oneshot::channel();
        let front = self.clone();
        let asked = Box::new((decide.clone(), keys));
        runtime.spawn(async move {
            let after = After::Learn(asked.clone());
            let work = async {
                for paying in under_way {
                    paying.await.map_err(|_| StoreError::unavailable(Lost))??;
                }
                match front.alone(Operation::Decide(decide), shard, after) {
                    Reply::Now(told) => told,
                    Reply::Later(answer) => answer.await,
                }
            };
            let told =
                tokio::time::timeout(front.inner.deadline(), work).await.unwrap_or_else(|_| Err(StoreError::timeout()));
            let held = Held::of(&front.inner, &After::Learn(asked), &told);
            // Whoever asked may have gone away: then this is dropped, and what is held given back.
            let _ = tell.send((told, held));
        });
        handed_over(told)
    }
}
