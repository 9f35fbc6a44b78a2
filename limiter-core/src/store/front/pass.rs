//! Operations that go to the store as they are, under a deadline.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::denials::Keys;
use super::{Front, Inner};
use crate::algorithm::{Algorithm, Verdict};
use crate::store::{Answer, Charged, Decide, Item, ItemReply, Mode, Operation, Reply, Store, StoreError, Subject};

/// What somebody who waits is told in the end.
pub(super) type Told = Result<Answer, StoreError>;

/// What becomes of an answer, beside being told.
pub(super) enum After {
    /// It says how much is used.
    Learn(Box<(Decide, Keys)>),
    /// Something was given back.
    Forget(SmallVec<[u64; 2]>),
    /// Nothing.
    Nothing,
}

impl<S: Store> Front<S> {
    /// Everything but a decision.
    pub(super) fn pass(&self, operation: Operation) -> Reply<Told> {
        let inner = &self.inner;
        let fingerprint = |subject: &Subject| inner.stand_in.known().fingerprint(subject);
        let shard = inner.shard_of(&operation);
        let after = match &operation {
            Operation::Reset { charges } => {
                After::Forget(charges.iter().map(|charge| fingerprint(&charge.subject)).collect())
            }
            Operation::Settle { charges, .. } => {
                After::Forget(charges.iter().map(|(charge, _)| fingerprint(&charge.subject)).collect())
            }
            _ => After::Nothing,
        };
        // Before, so that what is asked from now on is not answered by what was known; and again when it is
        // done, since what was asked meanwhile may have been decided before.
        inner.forget(&after);
        // The store renews slots until it is told to let go, so that is told even when it fails.
        let must = matches!(operation, Operation::Release { .. });
        if !must && inner.is_open(shard) {
            return Reply::Now(Err(StoreError::left_alone()));
        }
        self.alone(operation, shard, after)
    }

    /// One operation, one round trip.
    pub(super) fn alone(&self, operation: Operation, shard: usize, after: After) -> Reply<Told> {
        let inner = &self.inner;
        let sent = inner.now();
        match inner.engine.submit(operation) {
            Reply::Now(told) => {
                inner.note(shard, &told, sent);
                inner.follow(&after, &told, sent);
                Reply::Now(told)
            }
            Reply::Later(answer) => {
                let runtime = match inner.runtime() {
                    Ok(runtime) => runtime,
                    Err(error) => return Reply::Now(Err(error)),
                };
                let (tell, told) = oneshot::channel();
                let inner = Arc::clone(inner);
                runtime.spawn(async move {
                    let told = inner.within(inner.deadline(), shard, answer).await;
                    inner.follow(&after, &told, sent);
                    let held = Held::of(&inner, &after, &told);
                    // Whoever asked may have gone away: then this is dropped, and what is held given back.
                    let _ = tell.send((told, held));
                });
                handed_over(told)
            }
        }
    }
}

/// An answer that some task will send, with what it holds.
pub(super) fn handed_over<S: Store>(told: oneshot::Receiver<(Told, Option<Held<S>>)>) -> Reply<Told> {
    Reply::Later(Box::pin(async move {
        let Ok((told, held)) = told.await else { return Err(StoreError::unavailable(Lost)) };
        held.into_iter().for_each(Held::keep);
        told
    }))
}

/// Slots on their way to whoever asked for them. If nobody takes them, they go back.
pub(super) struct Held<S: Store> {
    inner: Arc<Inner<S>>,
    release: Option<Operation>,
}

impl<S: Store> Held<S> {
    pub(super) fn of(inner: &Arc<Inner<S>>, after: &After, told: &Told) -> Option<Self> {
        let (After::Learn(asked), Ok(Answer::Decided(decided))) = (after, told) else { return None };
        let now = asked.0.now;
        // What is in shadow is charged as if all were enforced.
        let whole = decided.items.iter().all(|reply| reply.verdict == Verdict::Allow);
        let slots = |(item, reply): &(&Item, &ItemReply)| {
            item.params.algorithm() == Algorithm::Concurrent
                && item.mode != Mode::Peek
                && (whole || item.mode != Mode::Shadow)
                && item.cost > 0
                && reply.verdict == Verdict::Allow
        };
        let charges: SmallVec<[Charged; 2]> = { asked.0.items.iter().zip(&decided.items) }
            .filter(|item| decided.allowed && slots(item))
            .map(|(item, reply)| item.charged(reply, now))
            .collect();
        let release = Operation::Release { now, lease: decided.lease.clone(), charges };
        (!matches!(&release, Operation::Release { charges, .. } if charges.is_empty()))
            .then(|| Held { inner: Arc::clone(inner), release: Some(release) })
    }

    fn keep(mut self) {
        self.release = None;
    }
}

impl<S: Store> Drop for Held<S> {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            // Submitted is under way; nobody waits for the answer.
            let _: Reply<_> = self.inner.engine.submit(release);
        }
    }
}

impl<S: Store> Inner<S> {
    /// The server that an operation goes to is that of its first key.
    fn shard_of(&self, operation: &Operation) -> usize {
        let charge = match operation {
            Operation::Decide(decide) | Operation::Inspect(decide) | Operation::Repeat { decide, .. } => {
                return self.shard(&decide.items);
            }
            Operation::Release { charges, .. } | Operation::Reset { charges } => charges.first(),
            Operation::Settle { charges, .. } => charges.first().map(|(charge, _)| charge),
        };
        charge.map_or(0, |charge| self.engine.shard_of(&charge.subject, &charge.params))
    }

    /// Waits for an answer, but not for long.
    pub(super) async fn within(&self, left: Duration, shard: usize, answer: impl Future<Output = Told>) -> Told {
        let told = tokio::time::timeout(left, answer).await.unwrap_or_else(|_| Err(StoreError::timeout()));
        self.note(shard, &told, self.now());
        told
    }

    fn follow(&self, after: &After, told: &Told, sent: crate::time::Nanos) {
        match (after, told) {
            (After::Learn(asked), Ok(Answer::Decided(decided))) => {
                let (decide, keys) = &**asked;
                self.learn(decide, keys, self.now().saturating_sub(sent), decided);
            }
            _ => self.forget(after),
        }
    }

    fn forget(&self, after: &After) {
        if let After::Forget(keys) = after {
            keys.iter().for_each(|key| self.stand_in.known().forget(*key));
        }
    }
}

/// The task that was to send an answer has ended without: its runtime was shut down.
#[derive(Debug)]
pub(super) struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task that waited for the store has ended")
    }
}

impl std::error::Error for Lost {}
