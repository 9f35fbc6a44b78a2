//! The engine: each operation becomes one call of a script, which goes on when whoever asked has stopped
//! listening.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::Distance;
use super::desk::Desk;
use super::driven::Driven;
use super::encode::{self, Call};
use super::failure::Failure;
use super::grants::{Unclaimed, slots};
use super::leases::Leases;
use super::names::Names;
use super::reply::Said;
use super::route::Route;
use super::settings::Settings;
use crate::algorithm::{Algorithm, Params};
use crate::store::{
    Answer, Capabilities, Decide, Decided, Item, Mode, Operation, Repeated, Reply, Store, StoreError, Subject,
};
use crate::time::{Nanos, Now};

/// State in Redis, one round trip an operation. What stands before it is the front's.
#[derive(Clone)]
pub(crate) struct RedisEngine {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) route: Arc<Route>,
    pub(super) settings: Arc<Settings>,
    pub(super) names: Names,
    pub(super) leases: Arc<Leases>,
    pub(super) distance: Distance,
    pub(super) desk: Desk,
    /// Scripts go by the clock of the caller: tests only.
    pub(super) callers_clock: bool,
}

impl Inner {
    /// Whether questions about several keys can be one call.
    pub(super) fn gathers(&self) -> bool {
        // Each has a clock of its own in tests, and a cluster keeps keys apart.
        !self.callers_clock && (!self.route.is_cluster() || self.names.shared_tag.is_some())
    }
}

/// The decision that was allowed last and the one that was refused, as far as there are such.
type Both = (Option<Decided>, Option<Decided>);

pub(super) type Answered = Result<Answer, StoreError>;

/// Rules of one decision: policies hold no more.
const MOST_RULES: usize = 16;
/// Slots that one request can take: each is a member of a set.
pub(super) const MOST_SLOTS: u64 = 1000;

impl Store for RedisEngine {
    fn submit(&self, operation: Operation) -> Reply<Answered> {
        let prepared = match operation {
            Operation::Decide(decide) => match self.bears(&decide, 1).and_then(|()| self.short(&decide)) {
                Ok(Some(short)) => return self.ask_short(short, decide),
                Ok(None) => self.question(decide, None, true),
                Err(error) => Err(error),
            },
            Operation::Inspect(decide) => self.bears(&decide, 1).and_then(|()| self.question(decide, None, false)),
            Operation::Repeat { decide, times } => {
                self.bears(&decide, times).and_then(|()| self.question(decide, Some(times), true))
            }
            Operation::Release { charges, lease, .. } => return self.release(&charges, lease.as_deref()),
            Operation::Reset { charges } => return self.reset(&charges),
            Operation::Settle { now, charges } => return self.settle(now, &charges),
        };
        match prepared {
            Ok(question) => self.ask(question),
            Err(error) => Reply::Now(Err(error)),
        }
    }

    fn capabilities(&self) -> Capabilities {
        let largest = Nanos::new(encode::LARGEST.saturating_mul(1000));
        let capabilities =
            Capabilities::new(&Algorithm::ALL, MOST_RULES).with_penalties().up_to(encode::LARGEST, largest);
        if self.inner.route.is_cluster() && self.inner.names.shared_tag.is_none() {
            capabilities.one_principal()
        } else {
            capabilities
        }
    }

    fn shard_of(&self, subject: &Subject, params: &Params) -> usize {
        if !self.inner.route.is_cluster() {
            return 0;
        }
        self.inner.names.key(subject, params).map_or(0, |key| self.inner.route.shard_of(&key))
    }
}

/// A decision that is ready to be asked for.
pub(super) struct Question {
    pub(super) call: Call,
    pub(super) decide: Decide,
    /// How often, if it was asked to be repeated.
    times: Option<u32>,
    /// The number of the lease that comes of it, if it takes slots.
    lease: Option<u64>,
}

fn takes_slots(item: &Item) -> bool {
    item.params.algorithm() == Algorithm::Concurrent
}

impl RedisEngine {
    /// Whether scripts can count what is asked for.
    fn bears(&self, decide: &Decide, times: u32) -> Result<(), StoreError> {
        let capabilities = self.capabilities();
        let countable = decide.items.iter().all(|item| capabilities.counts(&item.params));
        let mut slots = decide.items.iter().filter(|item| takes_slots(item));
        // Slots of several grants would need a lease each.
        let bearable = slots.all(|item| item.cost <= MOST_SLOTS && times == 1);
        if decide.items.is_empty() || decide.items.len() > MOST_RULES || times == 0 || !countable || !bearable {
            return Err(StoreError::unsupported());
        }
        Ok(())
    }

    /// The question by the general script. `times`: how often, if it is to be repeated.
    pub(super) fn question(&self, decide: Decide, times: Option<u32>, writes: bool) -> Result<Question, StoreError> {
        let holds = |item: &Item| takes_slots(item) && item.mode != Mode::Peek && item.cost > 0;
        let lease = (writes && decide.items.iter().any(holds)).then(|| self.inner.leases.number());
        let call = self.general(&decide, times.unwrap_or(1), writes, lease)?;
        Ok(Question { call, decide, times, lease })
    }

    fn general(&self, decide: &Decide, times: u32, writes: bool, lease: Option<u64>) -> Result<Call, StoreError> {
        let inner = &self.inner;
        let permit = lease.map_or_else(String::new, |id| inner.leases.permit(id));
        let ttl = inner.leases.ttl_micros();
        let call = encode::decide(&inner.names, decide, self.caller(decide.now), times, writes, &permit, ttl)?;
        if inner.route.keeps_together(&call.keys) { Ok(call) } else { Err(StoreError::unsupported()) }
    }

    pub(super) fn caller(&self, now: Now) -> Option<Now> {
        self.inner.callers_clock.then_some(now)
    }

    fn ask(&self, question: Question) -> Reply<Answered> {
        let engine = self.clone();
        // By itself, so that neither is of a size that allocators are slow at.
        let question = Box::new(question);
        self.spawn(async move {
            let answer = engine.decide(&question).await;
            let lease = match &answer {
                Ok(Answer::Decided(decided)) => decided.lease.clone(),
                Ok(Answer::Repeated(repeated)) => repeated.allowed.as_ref().and_then(|decided| decided.lease.clone()),
                _ => None,
            };
            (answer, lease.map(|lease| Unclaimed { engine: engine.clone(), lease: Some(lease) }))
        })
    }

    /// Under way when this returns. Whoever asked may be gone when the answer comes: its slots are then
    /// given back.
    pub(super) fn spawn(
        &self,
        work: impl Future<Output = (Answered, Option<Unclaimed>)> + Send + 'static,
    ) -> Reply<Answered> {
        Driven::begin(&self.inner.settings.runtime, Box::pin(work))
    }

    /// Runs a script on a task of its own and reads what it says.
    pub(super) fn answer_later<T: Send + 'static>(
        &self,
        call: Call,
        read: impl FnOnce(::redis::Value) -> Option<T> + Send + 'static,
    ) -> Reply<Result<T, StoreError>> {
        if !self.inner.route.keeps_together(&call.keys) {
            return Reply::Now(Err(StoreError::unsupported()));
        }
        let engine = self.clone();
        let task = self.inner.settings.runtime.spawn(async move {
            let said = engine.inner.route.script(&call).await;
            said.and_then(|value| read(value).ok_or(Failure::Unreadable)).map_err(|failure| engine.failed(failure))
        });
        Reply::Later(Box::pin(async move {
            task.await.unwrap_or_else(|_| Err(StoreError::unavailable("the runtime of the store has ended")))
        }))
    }

    pub(super) async fn decide(&self, question: &Question) -> Answered {
        let (inner, decide) = (&self.inner, &question.decide);
        let asked = self.asked(decide);
        let said = match inner.route.script(&question.call).await {
            Ok(value) => Said::read(value).ok_or(Failure::Unreadable),
            Err(failure) => {
                // It may have been granted: nobody will use it.
                if let (Some(id), Failure::Timeout) = (question.lease, &failure) {
                    self.forget(question, id);
                }
                Err(failure)
            }
        };
        let said = said.map_err(|failure| self.failed(failure))?;
        let (mut allowed, refused) = self.told(decide, asked, &said)?;
        if let (Some(id), Some(decided)) = (question.lease, &mut allowed) {
            let slots = slots(question, decided, inner, id);
            if !slots.is_empty() {
                decided.lease = Some(inner.leases.keep(id, said.fence(decide), slots, asked));
                if !inner.callers_clock {
                    inner.leases.renew_in_background(&inner.route, &inner.settings.runtime);
                }
            }
        }
        Ok(match question.times {
            Some(_) => Repeated { granted: said.granted, allowed, refused }.into(),
            None => Answer::Decided(allowed.or(refused).unwrap_or_default()),
        })
    }

    /// When a question is asked, by the caller's clock and by ours.
    pub(super) fn asked(&self, decide: &Decide) -> (Nanos, Nanos) {
        (decide.now.monotonic, self.inner.leases.now())
    }

    /// The decision that was allowed last and the one that was refused, on the caller's clock.
    pub(super) fn told(&self, decide: &Decide, asked: (Nanos, Nanos), said: &Said) -> Result<Both, StoreError> {
        let inner = &self.inner;
        let now = match (self.caller(decide.now), said.at) {
            (Some(now), at) if now.wall.get() == 0 || at.is_none() => now,
            (_, Some(at)) => {
                let took = inner.leases.now().saturating_sub(asked.1);
                inner.distance.to_caller(decide.now, at, took)
            }
            (_, None) => inner.distance.earliest(decide.now),
        };
        said.decisions(decide, now).ok_or_else(|| self.failed(Failure::Unreadable))
    }

    pub(super) fn failed(&self, failure: Failure) -> StoreError {
        if matches!(failure, Failure::Foreign(_)) {
            self.inner.settings.counts.foreign.fetch_add(1, Ordering::Relaxed);
        }
        failure.into()
    }
}

impl fmt::Debug for RedisEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisEngine").field("live", &self.inner.route.is_live()).finish_non_exhaustive()
    }
}
