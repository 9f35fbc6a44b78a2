//! Barriers for a fleet: one value each, changed by whoever arrives unless somebody else changed it
//! meanwhile. Waits look again and again; Memcached tells nobody anything by itself.
//!
//! Lifetimes are told by the wall clocks of those who ask. A server that forgets a barrier, as when it
//! is flushed or full, lets nobody through: whoever waits is told that it is gone.

use core::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::MemcachedStore;
use super::change::Value;
use super::engine::Inner;
use super::name::Name;
use super::protocol::Data;
use crate::store::barrier::{Arrival, AtTimeout, Barriers, Ticket, Waited};
use crate::store::polling::Pauses;
use crate::store::{Lifetime, Reply, StoreError};
use crate::time::Nanos;

/// The most parties: all their names go to the server and back with each arrival.
const MOST_PARTIES: u32 = 1000;

/// What is kept of a barrier.
#[derive(Clone, Debug)]
struct Site {
    generation: u64,
    parties: u32,
    lifetime: Nanos,
    /// In wall time.
    until: Nanos,
    cleared: bool,
    unnamed: u32,
    named: Vec<u128>,
}

impl Site {
    fn missing(&self) -> u32 {
        let arrived = u32::try_from(self.named.len()).unwrap_or(u32::MAX).saturating_add(self.unnamed);
        self.parties.saturating_sub(arrived)
    }

    fn arrive(mut self, party: Option<u128>, wall: Nanos) -> Self {
        match party {
            Some(party) if self.named.contains(&party) => {}
            Some(party) => self.named.push(party),
            None => self.unnamed = self.unnamed.saturating_add(1),
        }
        if self.missing() == 0 {
            self.cleared = true;
        } else {
            self.until = wall.saturating_add(self.lifetime);
        }
        self
    }

    fn withdraw(mut self, party: Option<u128>) -> Self {
        match party {
            Some(party) => self.named.retain(|named| *named != party),
            None => self.unnamed = self.unnamed.saturating_sub(1),
        }
        self
    }
}

impl Value for Site {
    fn encode(&self) -> Data {
        let mut out = Data::from_slice(b"L1B");
        for number in [self.generation, self.lifetime.get(), self.until.get()] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for number in [self.parties, self.unnamed, u32::from(self.cleared)] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        self.named.iter().for_each(|party| out.extend_from_slice(&party.to_be_bytes()));
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (long, rest) = bytes.strip_prefix(b"L1B")?.split_first_chunk::<24>()?;
        let (short, named) = rest.split_first_chunk::<12>()?;
        let (named, rest) = named.as_chunks::<16>();
        let mut long = long.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
        let mut short = short.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes));
        rest.is_empty().then_some(())?;
        Some(Site {
            generation: long.next()?,
            lifetime: Nanos::new(long.next()?),
            until: Nanos::new(long.next()?),
            parties: short.next()?,
            unnamed: short.next()?,
            cleared: short.next()? == 1,
            named: named.iter().map(|bytes| u128::from_be_bytes(*bytes)).collect(),
        })
    }

    fn until(&self) -> Nanos {
        self.until
    }
}

/// Waits look at their barrier at least twenty times a second.
impl Barriers for MemcachedStore {
    fn create(&self, barrier: &str, parties: NonZeroU32, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        let (parties, lifetime) = (parties.get(), Nanos::from(Duration::from(lifetime)));
        if parties > MOST_PARTIES {
            let why =
                format!("{parties} parties are too many for a barrier at memcached; accepted: 1 to {MOST_PARTIES}");
            return Reply::Now(Err(StoreError::foreign(why)));
        }
        change(self.inner(), barrier, move |site, old, wall| {
            if site.is_some() {
                return (None, false);
            }
            // Later barriers of a name have later times, or at least a larger number.
            let generation = old.map_or(0, |old| old.generation.saturating_add(1)).max(wall.get());
            let until = wall.saturating_add(lifetime);
            let site = Site { generation, parties, lifetime, until, cleared: false, unnamed: 0, named: Vec::new() };
            (Some(site), true)
        })
    }

    fn arrive(&self, barrier: &str, party: Option<&str>) -> Reply<Result<Arrival, StoreError>> {
        let (name, who, hash) = (barrier.to_owned(), party.map(str::to_owned), party.map(hash));
        change(self.inner(), barrier, move |site, _, wall| match site {
            None => (None, Arrival::NoSuchBarrier),
            Some(site) if site.cleared => (None, Arrival::Cleared { generation: site.generation }),
            Some(site) => {
                let site = site.arrive(hash, wall);
                let generation = site.generation;
                let arrival = match site.missing() {
                    0 => Arrival::Cleared { generation },
                    missing => Arrival::Waiting { ticket: Ticket::new(&name, who.as_deref(), generation), missing },
                };
                (Some(site), arrival)
            }
        })
    }

    fn wait(&self, ticket: &Ticket, timeout: Duration, then: AtTimeout) -> Reply<Result<Waited, StoreError>> {
        let counts = then == AtTimeout::Keep;
        let arrived = Arrived { inner: Arc::clone(self.inner()), ticket: ticket.clone(), counts };
        Reply::Later(Box::pin(arrived.wait(timeout)))
    }
}

/// An arrival that is waited after. Dropped before its time it is taken back if it was to be.
struct Arrived {
    inner: Arc<Inner>,
    ticket: Ticket,
    /// Whether it counts whatever becomes of the wait.
    counts: bool,
}

impl Arrived {
    async fn wait(mut self, timeout: Duration) -> Result<Waited, StoreError> {
        let mut pauses = Pauses::within(timeout);
        let ended = loop {
            match look(&self.inner, &self.ticket, false).await {
                Ok(Waited::TimedOut) => _ = pauses.bears(false),
                Err(error) if !pauses.bears(true) => break Err(error),
                Err(_) => {}
                Ok(end) => break Ok(end),
            }
            if !pauses.pause().await {
                // The last word is the server's: whoever is taken back has cleared nothing.
                break look(&self.inner, &self.ticket, !self.counts).await;
            }
        };
        self.counts |= ended.is_ok();
        ended
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if !self.counts {
            drop(look(&self.inner, &self.ticket, true));
        }
    }
}

/// How a barrier stands for the holder of a ticket, who may take the arrival back. Under way when this
/// returns.
fn look(
    inner: &Arc<Inner>,
    ticket: &Ticket,
    withdraw: bool,
) -> impl Future<Output = Result<Waited, StoreError>> + use<> {
    let (generation, party) = (ticket.generation(), ticket.party().map(hash));
    let reply = change(inner, ticket.barrier(), move |site, _, _| match site {
        Some(site) if site.generation == generation => match (site.cleared, withdraw) {
            (true, _) => (None, Waited::Cleared),
            (false, false) => (None, Waited::TimedOut),
            (false, true) => (Some(site.withdraw(party)), Waited::TimedOut),
        },
        _ => (None, Waited::NoSuchBarrier),
    });
    async move {
        match reply {
            Reply::Now(waited) => waited,
            Reply::Later(waited) => waited.await,
        }
    }
}

/// Changes a barrier. `with` is given the barrier if it is there, what is kept of it or of an earlier one,
/// and the time; it returns what to keep and what to answer.
fn change<T: Send + 'static>(
    inner: &Arc<Inner>,
    barrier: &str,
    with: impl Fn(Option<Site>, Option<Site>, Nanos) -> (Option<Site>, T) + Send + Sync + 'static,
) -> Reply<Result<T, StoreError>> {
    let name = Name::of_text(&inner.namespace, "barrier", barrier);
    super::change::change(inner, name, move |kept: Option<Site>, wall| {
        let there = kept.clone().filter(|site| wall < site.until);
        let (site, answer) = with(there, kept, wall);
        (site, Ok(answer))
    })
}

/// A party in sixteen bytes.
fn hash(party: &str) -> u128 {
    Name::of_text("", "", party).digest()
}
