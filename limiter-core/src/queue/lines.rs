//! The lines of a limiter: who waits for what, in which order.
//!
//! An entry lives as long as somebody stands in it, so that this takes memory for those who wait and
//! for nothing else.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::task::{Context, Poll};
use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use smallvec::SmallVec;

use super::MOST_WAITING;
use super::bell::Bell;
use crate::limiter::Limiter;

/// By account: one key under one rule.
#[derive(Default)]
pub(crate) struct Lines {
    /// Who waits, in the order in which they came.
    lines: DashMap<u64, BTreeMap<u64, Arc<Bell>>>,
    /// Who is to hear of changes: the first of each line, of all accounts it waits for.
    watched: DashMap<u64, BTreeMap<u64, Arc<Bell>>>,
    watchers: AtomicUsize,
    waiting: AtomicUsize,
    next: AtomicU64,
}

impl Lines {
    /// A place at the end of a line that holds at most `places`; `None` if it is full.
    pub(crate) fn join(limiter: &Limiter, account: u64, places: u32) -> Option<Ticket> {
        let lines = limiter.lines();
        if lines.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            lines.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let bell = Arc::new(Bell::default());
        let number = match lines.lines.entry(account) {
            Entry::Vacant(_) if places == 0 => None,
            Entry::Occupied(line) if line.get().len() >= usize::try_from(places).unwrap_or(usize::MAX) => None,
            entry => {
                // Numbered under the lock, so that the numbers of a line are in the order of its places.
                let number = lines.next.fetch_add(1, Ordering::Relaxed);
                entry.or_default().insert(number, Arc::clone(&bell));
                Some(number)
            }
        };
        let Some(number) = number else {
            lines.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        Some(Ticket { limiter: limiter.clone(), account, number, bell, watched: SmallVec::new() })
    }

    /// Whether somebody waits in this line.
    pub(crate) fn is_waited_for(&self, account: u64) -> bool {
        self.waiting.load(Ordering::Acquire) > 0 && self.lines.contains_key(&account)
    }

    /// Whether anybody is to hear of changes.
    #[inline]
    pub(crate) fn are_watched(&self) -> bool {
        self.watchers.load(Ordering::Acquire) > 0
    }

    /// Something was given back to an account.
    pub(crate) fn changed(&self, account: u64) {
        if let Some(watchers) = self.watched.get(&account) {
            watchers.values().for_each(|bell| bell.ring());
        }
    }

    /// How many wait, in all lines.
    pub(crate) fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// The place of one request in a line. Dropping it lets the next move up.
pub(crate) struct Ticket {
    limiter: Limiter,
    account: u64,
    number: u64,
    bell: Arc<Bell>,
    watched: SmallVec<[u64; 2]>,
}

impl Ticket {
    pub(crate) fn is_first(&self) -> bool {
        let line = self.limiter.lines().lines.get(&self.account);
        line.is_some_and(|line| line.first_key_value().is_some_and(|(first, _)| *first == self.number))
    }

    /// Asks to hear of changes to these accounts from now on.
    pub(crate) fn watch(&mut self, accounts: impl IntoIterator<Item = u64>) {
        let lines = self.limiter.lines();
        for account in accounts {
            if !self.watched.contains(&account) {
                lines.watched.entry(account).or_default().insert(self.number, Arc::clone(&self.bell));
                lines.watchers.fetch_add(1, Ordering::AcqRel);
                self.watched.push(account);
            }
        }
    }

    /// Ready when this has become the first of its line, or when something has changed that it watches.
    pub(crate) fn poll_called(&self, cx: &Context<'_>) -> Poll<()> {
        self.bell.poll_rung(cx)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let lines = self.limiter.lines();
        for account in &self.watched {
            leave(&lines.watched, *account, self.number);
        }
        lines.watchers.fetch_sub(self.watched.len(), Ordering::AcqRel);
        let next = leave(&lines.lines, self.account, self.number);
        lines.waiting.fetch_sub(1, Ordering::Release);
        if let Some(next) = next {
            next.ring();
        }
    }
}

/// Takes one out, and finds the first of those who are left.
fn leave(map: &DashMap<u64, BTreeMap<u64, Arc<Bell>>>, account: u64, number: u64) -> Option<Arc<Bell>> {
    let Entry::Occupied(mut entry) = map.entry(account) else { return None };
    entry.get_mut().remove(&number);
    match entry.get().first_key_value() {
        Some((_, first)) => Some(Arc::clone(first)),
        None => {
            entry.remove();
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use core::task::Waker;

    use super::*;

    fn is_called(ticket: &Ticket) -> bool {
        ticket.poll_called(&Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_line_is_left_in_the_order_in_which_it_was_joined_and_by_whoever_goes_away() {
        let limiter = Limiter::in_memory();
        let [first, second, third] = [0; 3].map(|_| Lines::join(&limiter, 7, 3).unwrap());
        assert!(Lines::join(&limiter, 7, 3).is_none());
        assert!(Lines::join(&limiter, 8, 3).is_some_and(|elsewhere| elsewhere.is_first()));
        assert!(first.is_first() && !second.is_first() && !third.is_first());
        drop(second);
        // The first stays the first; it looks again for nothing once.
        assert!(first.is_first() && !third.is_first());
        drop(first);
        assert!(third.is_first() && is_called(&third) && !is_called(&third));
        drop(third);
        assert!(!limiter.lines().is_waited_for(7));
        assert_eq!(limiter.lines().len(), 0);
        assert!(limiter.lines().lines.is_empty());
    }

    #[test]
    fn changes_are_heard_by_those_who_watch_and_for_as_long_as_they_do() {
        let limiter = Limiter::in_memory();
        let mut ticket = Lines::join(&limiter, 7, 1).unwrap();
        assert!(!limiter.lines().are_watched());
        ticket.watch([7, 9]);
        ticket.watch([7, 9]);
        assert!(limiter.lines().are_watched());
        for (account, heard) in [(7, true), (8, false), (9, true)] {
            limiter.lines().changed(account);
            assert_eq!(is_called(&ticket), heard, "{account}");
        }
        drop(ticket);
        assert!(!limiter.lines().are_watched());
        assert!(limiter.lines().watched.is_empty());
    }

    #[test]
    fn nobody_waits_where_there_are_no_places_or_too_many_wait_already() {
        let limiter = Limiter::in_memory();
        assert!(Lines::join(&limiter, 7, 0).is_none());
        let all: Vec<_> = (0..MOST_WAITING as u64).map(|account| Lines::join(&limiter, account, 1).unwrap()).collect();
        assert!(Lines::join(&limiter, u64::MAX, 1).is_none());
        drop(all);
        assert!(Lines::join(&limiter, u64::MAX, 1).is_some());
    }
}
