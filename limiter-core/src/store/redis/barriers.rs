//! Barriers for a fleet.
//!
//! A wait looks at the barrier again and again, at shorter pauses to begin with: what a server tells its
//! subscribers can get lost, what it keeps cannot.

use core::num::NonZeroU32;
use std::time::Duration;

use ::redis::Value;

use super::RedisStore;
use super::encode::{Argument, Call, Keys, clock, number};
use super::engine::RedisEngine;
use super::failure::Failure;
use super::script::Script;
use crate::store::barrier::{Arrival, AtTimeout, Barriers, Ticket, Waited};
use crate::store::polling::Pauses;
use crate::store::{Lifetime, Reply, StoreError};

/// Waits look at their barrier at least twenty times a second.
impl Barriers for RedisStore {
    fn create(&self, barrier: &str, parties: NonZeroU32, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        let parties = number(u64::from(parties.get()));
        let call = call(self.engine(), barrier, "make", [parties, number(lifetime.as_millis())]);
        self.engine().answer_later(call, |value| match value {
            Value::Int(made) => Some(made == 1),
            _ => None,
        })
    }

    fn arrive(&self, barrier: &str, party: Option<&str>) -> Reply<Result<Arrival, StoreError>> {
        let call = call(self.engine(), barrier, "arrive", [Argument::Text(party.unwrap_or_default().to_owned())]);
        let (barrier, party) = (barrier.to_owned(), party.map(str::to_owned));
        self.engine().answer_later(call, move |value| {
            let Value::Array(values) = value else { return None };
            let [Value::Int(stands), Value::Int(generation), Value::Int(missing)] = values.as_slice() else {
                return None;
            };
            let generation = u64::try_from(*generation).ok()?;
            Some(match stands {
                0 => Arrival::Waiting {
                    ticket: Ticket::new(&barrier, party.as_deref(), generation),
                    missing: u32::try_from(*missing).ok()?,
                },
                1 => Arrival::Cleared { generation },
                _ => Arrival::NoSuchBarrier,
            })
        })
    }

    fn wait(&self, ticket: &Ticket, timeout: Duration, then: AtTimeout) -> Reply<Result<Waited, StoreError>> {
        let arrived =
            Arrived { engine: self.engine().clone(), ticket: ticket.clone(), counts: then == AtTimeout::Keep };
        Reply::Later(Box::pin(arrived.wait(timeout)))
    }
}

/// An arrival that is waited after. Dropped before its time it is taken back if it was to be.
struct Arrived {
    engine: RedisEngine,
    ticket: Ticket,
    /// Whether it counts whatever becomes of the wait.
    counts: bool,
}

impl Arrived {
    async fn wait(mut self, timeout: Duration) -> Result<Waited, StoreError> {
        let (look, mut pauses) = (ask(&self.engine, &self.ticket, "look"), Pauses::within(timeout));
        let ended = loop {
            match stands(&self.engine, &look).await {
                Ok(Waited::TimedOut) => _ = pauses.bears(false),
                Err(failure) if !pauses.bears(true) => break Err(failure),
                Err(_) => {}
                Ok(end) => break Ok(end),
            }
            if !pauses.pause().await {
                // The last word is the server's: whoever is taken back has cleared nothing.
                let what = if self.counts { "look" } else { "withdraw" };
                break stands(&self.engine, &ask(&self.engine, &self.ticket, what)).await;
            }
        };
        self.counts |= ended.is_ok();
        ended.map_err(Into::into)
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if !self.counts {
            let call = ask(&self.engine, &self.ticket, "withdraw");
            drop(self.engine.answer_later(call, |_| Some(())));
        }
    }
}

async fn stands(engine: &RedisEngine, call: &Call) -> Result<Waited, Failure> {
    match engine.inner.route.script(call).await? {
        Value::Int(0) => Ok(Waited::TimedOut),
        Value::Int(1) => Ok(Waited::Cleared),
        Value::Int(2) => Ok(Waited::NoSuchBarrier),
        _ => Err(Failure::Unreadable),
    }
}

fn ask(engine: &RedisEngine, ticket: &Ticket, what: &'static str) -> Call {
    let party = Argument::Text(ticket.party().unwrap_or_default().to_owned());
    call(engine, ticket.barrier(), what, [number(ticket.generation()), party])
}

fn call<const N: usize>(engine: &RedisEngine, barrier: &str, what: &'static str, more: [Argument; N]) -> Call {
    let mut arguments = vec![clock(None), Argument::Word(what)];
    arguments.extend(more);
    Call {
        script: Script::Barrier,
        keys: Keys::from_iter([engine.inner.names.plain(barrier, "barrier")]),
        arguments: arguments.into(),
    }
}
