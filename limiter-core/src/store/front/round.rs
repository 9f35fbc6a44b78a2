//! A round: one call for each distinct decision among those that waited, all sent at once.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::Inner;
use super::denials::{Keys, keys};
use super::flights::{Told, Waiter};
use super::numbers::{as_of, before_later};
use crate::store::{Answer, BoxFuture, Decide, Item, Operation, Reply, Store, StoreError};
use crate::time::Nanos;

/// Equal decisions, in the order in which they came.
struct Group {
    decide: Decide,
    keys: Keys,
    waiters: Vec<Waiter>,
}

/// The calls of a round that have not been answered yet.
pub(super) struct Round {
    calls: SmallVec<[(Group, BoxFuture<Told>); 1]>,
    shard: usize,
    sent: Nanos,
    /// When the first of those who wait came.
    oldest: Nanos,
}

impl<S: Store> Inner<S> {
    /// Sends a round; `None` if all of it was answered at once.
    pub(super) fn send(&self, waiters: Vec<Waiter>, shard: usize) -> Option<Round> {
        let sent = self.now();
        let mut round = Round { calls: SmallVec::new(), shard, sent, oldest: sent };
        for group in self.groups(waiters) {
            let ahead = self.ahead(&group.decide, &group.keys);
            let operation = match u32::try_from(group.waiters.len()).map(|waiting| waiting.saturating_add(ahead)) {
                Ok(0 | 1) => Operation::Decide(group.decide.clone()),
                Ok(times) => Operation::Repeat { decide: group.decide.clone(), times },
                Err(_) => continue,
            };
            let oldest = group.waiters.first().map_or(sent, |waiter| waiter.arrived);
            match self.engine.submit(operation) {
                Reply::Now(told) => {
                    self.note(shard, &told);
                    self.share_out(group, told, Nanos::ZERO);
                }
                Reply::Later(answer) => {
                    round.oldest = round.oldest.min(oldest);
                    round.calls.push((group, answer));
                }
            }
        }
        (!round.calls.is_empty()).then_some(round)
    }

    /// Nobody is asked: the store is left alone.
    pub(super) fn turn_away(waiters: Vec<Waiter>) {
        for waiter in waiters {
            let _ = waiter.tell.send(Err(StoreError::left_alone()));
        }
    }

    fn groups(&self, waiters: Vec<Waiter>) -> SmallVec<[Group; 1]> {
        let mut groups: SmallVec<[Group; 1]> = SmallVec::new();
        for waiter in waiters {
            match groups.iter_mut().find(|group| same(&group.decide.items, &waiter.decide.items)) {
                Some(group) => {
                    // The latest of the clock's readings is still from before the store decides.
                    if waiter.decide.now.monotonic > group.decide.now.monotonic {
                        group.decide.now = waiter.decide.now;
                    }
                    group.waiters.push(waiter);
                }
                None => groups.push(Group {
                    decide: waiter.decide.clone(),
                    keys: keys(self.stand_in.known(), &waiter.decide),
                    waiters: vec![waiter],
                }),
            }
        }
        groups
    }

    /// Tells each who waits what the store said to it.
    fn share_out(&self, group: Group, told: Told, lag: Nanos) {
        let Group { decide, keys, waiters } = group;
        let (granted, allowed, refused) = match told {
            Ok(Answer::Decided(decided)) if decided.allowed => (1, Some(decided), None),
            Ok(Answer::Decided(decided)) => (0, None, Some(decided)),
            Ok(Answer::Repeated { granted, allowed, refused }) => (granted, allowed, refused),
            Ok(Answer::Done) => (0, None, None),
            Err(error) => {
                for waiter in waiters {
                    let _ = waiter.tell.send(Err(error.clone()));
                }
                return;
            }
        };
        if let Some(last) = refused.as_ref().or(allowed.as_ref()) {
            self.learn(&decide, &keys, lag, last);
        }
        let spare = granted.saturating_sub(u32::try_from(waiters.len()).unwrap_or(u32::MAX));
        for (which, waiter) in (0u32..).zip(waiters) {
            let decided = match granted.checked_sub(which.saturating_add(1)) {
                Some(later) => allowed.as_ref().map(|last| before_later(&decide, last, u64::from(later))),
                None => refused.clone(),
            };
            let told = decided.map(|decided| Answer::Decided(as_of(&decide, decided)));
            let _ = waiter.tell.send(told.ok_or_else(StoreError::unsupported));
        }
        if let Some(last) = allowed {
            self.set_aside(decide, keys, last, spare);
        }
    }
}

impl Round {
    /// Waits for the answers and tells them, whoever still waits.
    pub(super) async fn finish<S: Store>(self, inner: Arc<Inner<S>>) {
        let waited = self.sent.saturating_sub(self.oldest);
        let until = self.sent.saturating_add(Nanos::from(inner.deadline()).saturating_sub(waited));
        for (group, answer) in self.calls {
            // All are under way already; their deadline is the same.
            let left = Duration::from(until.saturating_sub(inner.now()));
            let told = inner.within(left, self.shard, answer).await;
            let lag = inner.now().saturating_sub(self.sent);
            inner.share_out(group, told, lag);
        }
    }
}

/// Whether two decisions are the same but for who asked when.
pub(super) fn same(one: &[Item], other: &[Item]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.cost == other.cost
                && one.mode == other.mode
                && one.budget == other.budget
                && one.at_ceiling == other.at_ceiling
                && one.params == other.params
                && one.subject == other.subject
        })
}
