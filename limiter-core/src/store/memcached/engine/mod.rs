//! The engine: operations become commands, and replies become answers. One rule a decision, and the
//! round trips of one operation; what stands before shared stores is added around it.

mod cells;
mod flight;
mod windows;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::answer::Form;
use super::cell::Hints;
use super::change::Turns;
use super::fault::Fault;
use super::instant::Here;
use super::line::Line;
use super::name::Name;
use super::ring::Ring;
use super::slots::Registry;
use super::stats::{Counters, count};
use crate::algorithm::Algorithm;
use crate::algorithm::Params;
use crate::key::{self, Part};
use crate::store::{
    Answer, BoxFuture, Capabilities, Charged, Decide, Item, Mode, Operation, Reply, Store, StoreError, Subject,
};
use crate::time::{ClockHandle, Now};
pub(super) use flight::{Job, Work};

/// The longest exact log: every decision carries it to the server and back.
pub(super) const LONGEST_LOG: u64 = 100;
/// The most slots: each is a key of its own.
pub(super) const MOST_SLOTS: u64 = 32;

const CAPABILITIES: Capabilities = Capabilities::new(&Algorithm::ALL, 1)
    .with_penalties()
    .with_most(&[(Algorithm::Log, LONGEST_LOG), (Algorithm::Concurrent, MOST_SLOTS)]);

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Engine {
    inner: Arc<Inner>,
}

/// What all operations share.
pub(super) struct Inner {
    pub(super) ring: Ring,
    pub(super) namespace: Box<str>,
    pub(super) clock: ClockHandle,
    /// Keys that a task of this process is changing, and who waits for the next change.
    flights: DashMap<u128, Vec<Job>>,
    hints: Hints,
    pub(super) turns: Turns,
    pub(super) slots: Registry,
    pub(super) counters: Counters,
    pub(super) runtime: Handle,
}

type Answered = Reply<Result<Answer, StoreError>>;

impl Engine {
    pub(super) fn new(ring: Ring, namespace: Box<str>, clock: ClockHandle, lease: Duration, runtime: Handle) -> Self {
        let inner = Inner {
            ring,
            namespace,
            clock,
            flights: DashMap::new(),
            hints: Hints::new(),
            turns: Turns::new(),
            slots: Registry::new(lease),
            counters: Counters::default(),
            runtime,
        };
        Engine { inner: Arc::new(inner) }
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn ask(&self, decide: &Decide, times: u32, repeated: bool, write: bool) -> Answered {
        let [item] = decide.items.as_slice() else { return unsupported() };
        let most = CAPABILITIES.most(item.params.algorithm());
        let concurrent = item.params.algorithm() == Algorithm::Concurrent;
        if item.params.capacity() > most || (concurrent && repeated) {
            return unsupported();
        }
        if holds_secret(&item.subject) && !key::has_fleet_secret() {
            return Reply::Now(Err(Fault::NoFleetSecret.into()));
        }
        let form = Form { mode: item.mode, times, repeated };
        let mode = if write { item.mode } else { Mode::Peek };
        let here = Here::new(decide.now, &self.inner.clock);
        let name = self.inner.name(item);
        match item.params.algorithm() {
            Algorithm::Fixed | Algorithm::Sliding => windows::decide(&self.inner, name, item, here, mode, form),
            Algorithm::Concurrent => flight::join(&self.inner, name, |tell| Job::slots(item, here, mode, form, tell)),
            _ => flight::join(&self.inner, name, |tell| Job::ask(item, here, mode, form, tell)),
        }
    }

    fn settle(&self, now: Now, charges: &[(Charged, i64)]) -> Answered {
        let here = Here::new(now, &self.inner.clock);
        let mut answers = Vec::with_capacity(charges.len());
        for (charge, units) in charges {
            let name = self.inner.name_of(charge);
            answers.push(match charge.params.algorithm() {
                Algorithm::Concurrent => unsupported(),
                Algorithm::Fixed | Algorithm::Sliding => windows::settle(&self.inner, &name, charge, here, *units),
                _ => flight::join(&self.inner, name, |tell| Job::settle(charge, here, *units, tell)),
            });
        }
        all(answers)
    }

    fn reset(&self, charges: &[Charged]) -> Answered {
        let mut answers = Vec::with_capacity(charges.len());
        for charge in charges {
            let name = self.inner.name_of(charge);
            match charge.params.algorithm() {
                // Slots are held, not used: their holders give them back.
                Algorithm::Concurrent => {}
                Algorithm::Fixed | Algorithm::Sliding => answers.push(windows::reset(&self.inner, &name, charge)),
                _ => answers.push(cells::reset(&self.inner, &name)),
            }
        }
        all(answers)
    }
}

impl Inner {
    fn name(&self, item: &Item) -> Name {
        Name::new(&self.namespace, &item.subject, &item.params)
    }

    fn name_of(&self, charge: &Charged) -> Name {
        Name::new(&self.namespace, &charge.subject, &charge.params)
    }

    pub(super) fn line(&self, name: &Name) -> &Line {
        self.ring.line(name.digest())
    }

    /// A key holds what is not ours.
    pub(super) fn foreign(&self) -> Fault {
        count(&self.counters.quarantined);
        Fault::Foreign
    }

    /// Clocks where no operation brought a reading.
    fn here(&self) -> Here {
        Here::new(self.clock.read(true), &self.clock)
    }
}

/// Whether processes can only agree on a subject if they hash its secrets alike.
fn holds_secret(subject: &Subject) -> bool {
    match subject {
        Subject::Named(named) => named.key().parts().iter().any(|part| matches!(part, Part::Secret(_))),
        Subject::Local(_) => false,
    }
}

fn unsupported() -> Answered {
    Reply::Now(Err(StoreError::unsupported()))
}

/// The answer that comes through a channel.
fn later(told: oneshot::Receiver<Result<Answer, Fault>>) -> Answered {
    Reply::Later(Box::pin(async move {
        let answer = told.await.unwrap_or_else(|_| Err(Fault::Down("the store was closed".into())));
        answer.map_err(StoreError::from)
    }))
}

/// Done when all are, or what went wrong first.
fn all(answers: Vec<Answered>) -> Answered {
    let mut waiting: Vec<BoxFuture<Result<Answer, StoreError>>> = Vec::new();
    for answer in answers {
        match answer {
            Reply::Now(Ok(_)) => {}
            Reply::Now(Err(error)) => return Reply::Now(Err(error)),
            Reply::Later(answer) => waiting.push(answer),
        }
    }
    if waiting.is_empty() {
        return Reply::Now(Ok(Answer::Done));
    }
    Reply::Later(Box::pin(async move {
        for answer in waiting {
            answer.await?;
        }
        Ok(Answer::Done)
    }))
}

impl Store for Engine {
    fn submit(&self, operation: Operation) -> Answered {
        match operation {
            Operation::Decide(decide) => self.ask(&decide, 1, false, true),
            Operation::Inspect(decide) => self.ask(&decide, 1, false, false),
            Operation::Repeat { decide, times } => self.ask(&decide, times, true, true),
            Operation::Settle { now, charges } => self.settle(now, &charges),
            Operation::Reset { charges } => self.reset(&charges),
            Operation::Release { charges, lease, .. } => {
                super::slots::release(&self.inner, &charges, lease.as_deref());
                Reply::Now(Ok(Answer::Done))
            }
        }
    }

    fn decide(&self, decide: &Decide) -> Answered {
        self.ask(decide, 1, false, true)
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn shard_of(&self, subject: &Subject, params: &Params) -> usize {
        let ring = &self.inner.ring;
        if ring.is_one() { 0 } else { ring.number(Name::new(&self.inner.namespace, subject, params).digest()) }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("servers", &self.inner.ring.lines().collect::<Vec<_>>())
            .field("namespace", &self.inner.namespace)
            .finish_non_exhaustive()
    }
}
