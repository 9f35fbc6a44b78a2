//! The requests of each key that are under way and not settled yet, in this process.
//!
//! An entry lives as long as a request of its key does, so that this takes memory for what is under
//! way and for nothing else.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::reservation::Open;
use crate::limiter::Limiter;
use crate::time::Nanos;

/// All of a limiter's. An account is one key under one rule.
#[derive(Default)]
pub(crate) struct OpenRequests {
    accounts: DashMap<u64, Account>,
    next: AtomicU64,
}

#[derive(Default)]
struct Account {
    requests: BTreeMap<u64, Request>,
    /// Whether somebody found no place.
    wanted: bool,
}

struct Request {
    /// When it is given up.
    until: Nanos,
    /// `None` while the store has not said yet whether it may pass.
    open: Option<Weak<Open>>,
}

/// As many as may be under way are.
#[derive(Debug)]
pub(crate) struct Full;

impl OpenRequests {
    /// Notes a request of `account`, of which at most `most` may be under way.
    pub(crate) fn enter(limiter: &Limiter, account: u64, most: u32, until: Nanos) -> Result<Place, Full> {
        let open = limiter.open();
        let ticket = open.next.fetch_add(1, Ordering::Relaxed);
        let mut entry = open.accounts.entry(account).or_default();
        if entry.requests.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
            entry.wanted = true;
            return Err(Full);
        }
        entry.requests.insert(ticket, Request { until, open: None });
        drop(entry);
        Ok(Place { limiter: limiter.clone(), account, ticket, until })
    }

    /// Gives up the requests of `account` whose time is over.
    pub(crate) fn give_up(&self, account: u64, now: Nanos) {
        let Some(entry) = self.accounts.get(&account) else { return };
        // Those that came first are given up first, unless rules of one scope differ in this.
        let over = entry.requests.values().take_while(|request| request.until <= now);
        let over: Vec<_> = over.filter_map(|request| request.open.as_ref()?.upgrade()).collect();
        // Settling them takes them out of here.
        drop(entry);
        over.into_iter().for_each(|open| open.give_up(now));
    }

    /// Whether requests of `account` are under way.
    #[cfg(feature = "wait")]
    pub(crate) fn is_open(&self, account: u64) -> bool {
        self.accounts.contains_key(&account)
    }

    /// How many requests are under way, of all keys.
    pub(crate) fn len(&self) -> usize {
        self.accounts.iter().map(|entry| entry.requests.len()).sum()
    }
}

/// The place of one request among those under way; it is left by dropping it.
pub(crate) struct Place {
    limiter: Limiter,
    account: u64,
    ticket: u64,
    until: Nanos,
}

impl Place {
    /// Whose request it is, so that it can be given up.
    pub(super) fn belongs_to(&self, open: Weak<Open>) {
        if let Some(mut entry) = self.limiter.open().accounts.get_mut(&self.account)
            && let Some(request) = entry.requests.get_mut(&self.ticket)
        {
            request.open = Some(open);
        }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self, now: Nanos) -> bool {
        self.until <= now
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Entry::Occupied(mut entry) = self.limiter.open().accounts.entry(self.account) else { return };
        let account = entry.get_mut();
        // One that never got past the store has changed nothing, unless somebody found no place for it.
        // Whoever waits and asks in vain would call itself for ever else.
        let was_open = account.requests.remove(&self.ticket).is_some_and(|request| request.open.is_some());
        let wanted = core::mem::take(&mut account.wanted);
        if account.requests.is_empty() {
            entry.remove();
        } else {
            drop(entry);
        }
        if was_open || wanted {
            self.limiter.changed(self.account);
        }
    }
}
