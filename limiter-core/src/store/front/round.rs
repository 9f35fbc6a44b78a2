//! A round: one call for each distinct decision among those that waited, all sent at once.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::Inner;
use super::caller::{Caller, Waiter};
use super::denials::Keys;
use super::numbers::{as_of, before_later};
use super::pass::Told;
use crate::store::{Answer, BoxFuture, Decide, Item, Operation, Repeated, Reply, Store, StoreError};
use crate::time::Nanos;

/// Equal decisions, in the order in which they came.
pub(super) struct Group {
    decide: Decide,
    keys: Keys,
    waiters: SmallVec<[Waiter; 1]>,
}

impl Group {
    /// One decision by itself.
    pub(super) fn of(caller: &Arc<Caller>) -> Self {
        let Caller { decide, keys, .. } = &**caller;
        Group { decide: decide.clone(), keys: keys.clone(), waiters: SmallVec::from_iter([Waiter::new(caller)]) }
    }
}

/// The calls of a round that have not been answered yet.
pub(super) struct Round {
    calls: Vec<(Group, BoxFuture<Told>)>,
    shard: usize,
    sent: Nanos,
    /// When the first of those who wait came.
    oldest: Nanos,
}

impl<S: Store> Inner<S> {
    /// Sends a round; `None` if all of it was answered at once.
    pub(super) fn send(&self, waiters: impl IntoIterator<Item = Waiter>, shard: usize, sent: Nanos) -> Option<Round> {
        let mut round = Round { calls: Vec::new(), shard, sent, oldest: sent };
        for group in self.groups(waiters) {
            let Ok(waiting) = u32::try_from(group.waiters.len()) else { continue };
            let operation = self.operation(&group.decide, &group.keys, waiting);
            let oldest = group.waiters.first().map_or(sent, |waiter| waiter.asked().arrived);
            match self.engine.submit(operation) {
                Reply::Now(told) => {
                    self.note(shard, &told, sent);
                    self.share_out(group, told, Nanos::ZERO);
                }
                Reply::Later(answer) => {
                    round.oldest = round.oldest.min(oldest);
                    round.calls.push((group, answer));
                }
            }
        }
        // They are taken from the end.
        round.calls.reverse();
        (!round.calls.is_empty()).then_some(round)
    }

    /// What to ask where so many wait.
    pub(super) fn operation(&self, decide: &Decide, keys: &Keys, waiting: u32) -> Operation {
        match waiting.saturating_add(self.ahead(decide, keys)) {
            0 | 1 => Operation::Decide(decide.clone()),
            times => Operation::Repeat { decide: decide.clone(), times },
        }
    }

    /// Nobody is asked: the store is left alone.
    pub(super) fn turn_away(waiters: Vec<Waiter>) {
        for waiter in waiters {
            waiter.tell(Err(StoreError::left_alone()));
        }
    }

    fn groups(&self, waiters: impl IntoIterator<Item = Waiter>) -> SmallVec<[Group; 1]> {
        let mut groups: SmallVec<[Group; 1]> = SmallVec::new();
        for waiter in waiters {
            let Caller { decide, keys, .. } = waiter.asked();
            if let Some(group) = groups.iter_mut().find(|group| same(&group.decide.items, &decide.items)) {
                // The latest of the clock's readings is still from before the store decides.
                if decide.now.monotonic > group.decide.now.monotonic {
                    group.decide.now = decide.now;
                }
                group.waiters.push(waiter);
                continue;
            }
            // What was given back until now, the store knows of.
            let keys = keys.iter().map(|(key, _)| (*key, self.stand_in.known().epoch(*key))).collect();
            let decide = decide.clone();
            groups.push(Group { decide, keys, waiters: SmallVec::from_iter([waiter]) });
        }
        groups
    }

    /// Tells each who waits what the store said to it.
    pub(super) fn share_out(&self, group: Group, told: Told, lag: Nanos) {
        let Group { decide, keys, waiters } = group;
        let (granted, allowed, refused) = match told {
            Ok(Answer::Decided(decided)) if decided.allowed => (1, Some(decided), None),
            Ok(Answer::Decided(decided)) => (0, None, Some(decided)),
            Ok(Answer::Repeated(repeated)) => {
                let Repeated { granted, allowed, refused } = *repeated;
                (granted, allowed, refused)
            }
            Ok(Answer::Done) => (0, None, None),
            Err(error) => {
                for waiter in waiters {
                    waiter.tell(Err(error.clone()));
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
            let decided = decided.map(|decided| as_of(&decide, decided));
            waiter.tell(decided.ok_or_else(StoreError::unsupported));
        }
        if let Some(last) = allowed {
            self.set_aside(decide, keys, last, spare);
        }
    }
}

impl Round {
    /// What a caller asked by himself.
    pub(super) fn begun(caller: &Arc<Caller>, answer: BoxFuture<Told>) -> Self {
        let Caller { shard, arrived, .. } = **caller;
        Round { calls: vec![(Group::of(caller), answer)], shard, sent: arrived, oldest: arrived }
    }

    /// How long those who wait may still do so, if so much time is given to a round.
    pub(super) fn left<S: Store>(&self, inner: &Inner<S>, given: Duration) -> Duration {
        let waited = self.sent.saturating_sub(self.oldest);
        let given = Nanos::from(given).min(Nanos::from(inner.deadline()).saturating_sub(waited));
        // All are under way already; their deadline is the same.
        Duration::from(self.sent.saturating_add(given).saturating_sub(inner.now()))
    }

    /// Waits for the answers and tells them, whoever still waits. What is left when this is dropped can
    /// still be waited for.
    pub(super) async fn told<S: Store>(&mut self, inner: &Inner<S>) {
        while let Some((_, answer)) = self.calls.last_mut() {
            let told = answer.await;
            let now = inner.now();
            inner.note(self.shard, &told, now);
            self.tell(inner, told, now);
        }
    }

    /// The same, no longer than the deadline.
    pub(super) async fn finish<S: Store>(mut self, inner: Arc<Inner<S>>) {
        loop {
            let left = self.left(&inner, inner.deadline());
            let Some((_, answer)) = self.calls.last_mut() else { return };
            let told = inner.within(left, self.shard, answer).await;
            let now = inner.now();
            self.tell(&inner, told, now);
        }
    }

    fn tell<S: Store>(&mut self, inner: &Inner<S>, told: Told, now: Nanos) {
        if let Some((group, _)) = self.calls.pop() {
            inner.share_out(group, told, now.saturating_sub(self.sent));
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
