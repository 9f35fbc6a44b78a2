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
    accounts: DashMap<u64, BTreeMap<u64, Request>>,
    next: AtomicU64,
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
        let mut requests = open.accounts.entry(account).or_default();
        if requests.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(Full);
        }
        requests.insert(ticket, Request { until, open: None });
        drop(requests);
        Ok(Place { limiter: limiter.clone(), account, ticket, until })
    }

    /// Gives up the requests of `account` whose time is over.
    pub(crate) fn give_up(&self, account: u64, now: Nanos) {
        let Some(requests) = self.accounts.get(&account) else { return };
        // Those that came first are given up first, unless rules of one scope differ in this.
        let over = requests.values().take_while(|request| request.until <= now);
        let over: Vec<_> = over.filter_map(|request| request.open.as_ref()?.upgrade()).collect();
        // Settling them takes them out of here.
        drop(requests);
        over.into_iter().for_each(|open| open.give_up(now));
    }

    /// How many requests are under way, of all keys.
    pub(crate) fn len(&self) -> usize {
        self.accounts.iter().map(|requests| requests.len()).sum()
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
        if let Some(mut requests) = self.limiter.open().accounts.get_mut(&self.account)
            && let Some(request) = requests.get_mut(&self.ticket)
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
        if let Entry::Occupied(mut requests) = self.limiter.open().accounts.entry(self.account) {
            requests.get_mut().remove(&self.ticket);
            if requests.get().is_empty() {
                requests.remove();
            }
        }
    }
}
