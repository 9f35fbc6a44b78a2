//! The engine: each operation becomes one call of a script, which goes on when whoever asked has stopped
//! listening.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::Distance;
use super::driven::Driven;
use super::encode::{self, Call};
use super::failure::Failure;
use super::grants::{Unclaimed, slots};
use super::leases::Leases;
use super::names::Names;
use super::reply::Said;
use super::route::{Route, Written};
use super::settings::Settings;
use crate::algorithm::{Algorithm, Params};
use crate::store::{Answer, Capabilities, Decide, Mode, Operation, Repeated, Reply, Store, StoreError, Subject};
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
    /// Scripts go by the clock of the caller: tests only.
    pub(super) callers_clock: bool,
}

pub(super) type Answered = Result<Answer, StoreError>;

/// Rules of one decision: policies hold no more.
const MOST_RULES: usize = 16;
/// Slots that one request can take: each is a member of a set.
pub(super) const MOST_SLOTS: u64 = 1000;

impl Store for RedisEngine {
    fn submit(&self, operation: Operation) -> Reply<Answered> {
        let prepared = match operation {
            Operation::Decide(decide) => self.question(decide, None, true),
            Operation::Inspect(decide) => self.question(decide, None, false),
            Operation::Repeat { decide, times } => {
                let slots = decide.items.iter().any(|item| item.params.algorithm() == Algorithm::Concurrent);
                // Slots of several grants would need a lease each.
                if slots && times > 1 {
                    Err(StoreError::unsupported())
                } else {
                    self.question(decide, Some(times), true)
                }
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
    pub(super) way: Way,
    pub(super) decide: Decide,
    /// How often, if it was asked to be repeated.
    times: Option<u32>,
    /// The number of the lease that comes of it, if it takes slots.
    lease: Option<u64>,
}

/// Which script is asked.
pub(super) enum Way {
    General(Call),
    /// A shorter one, that does nothing where there is more to it. The general one is asked then.
    Short(Written),
}

impl Way {
    pub(super) fn keys(&self) -> &[String] {
        match self {
            Way::General(call) => &call.keys,
            // Takes no slots, whose keys alone are asked for afterwards.
            Way::Short(_) => &[],
        }
    }
}

impl RedisEngine {
    /// `times`: how often, if it is to be repeated.
    fn question(&self, decide: Decide, times: Option<u32>, writes: bool) -> Result<Question, StoreError> {
        let inner = &self.inner;
        let capabilities = self.capabilities();
        let countable = decide.items.iter().all(|item| capabilities.counts(&item.params));
        let slots = |item: &crate::store::Item| item.params.algorithm() == Algorithm::Concurrent;
        let bearable = decide.items.iter().filter(|item| slots(item)).all(|item| item.cost <= MOST_SLOTS);
        if decide.items.is_empty() || decide.items.len() > MOST_RULES || times == Some(0) || !countable || !bearable {
            return Err(StoreError::unsupported());
        }
        let takes_slots =
            writes && decide.items.iter().any(|item| slots(item) && item.mode != Mode::Peek && item.cost > 0);
        let lease = takes_slots.then(|| inner.leases.number());
        let common = writes && times.is_none();
        let short = if common {
            // The short scripts tell the time where they are asked to.
            let caller = self.caller(decide.now);
            let told = (caller.is_some() || inner.distance.is_due(decide.now)).then(|| encode::clock(caller));
            encode::one(&inner.names, &decide, told)?
        } else {
            None
        };
        let way = match short {
            Some(short) => Way::Short(inner.route.write(&short)),
            None => Way::General(self.general(&decide, times.unwrap_or(1), writes, lease)?),
        };
        Ok(Question { way, decide, times, lease })
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

    async fn decide(&self, question: &Question) -> Answered {
        let inner = &self.inner;
        let asked = (question.decide.now.monotonic, inner.leases.now());
        let said = match self.put(question).await {
            Ok(said) => said,
            Err(failure) => {
                // It may have been granted: nobody will use it.
                if let (Some(id), Failure::Timeout) = (question.lease, &failure) {
                    self.forget(question, id);
                }
                return Err(self.failed(failure));
            }
        };
        let now = match (self.caller(question.decide.now), said.at) {
            (Some(now), at) if now.wall.get() == 0 || at.is_none() => now,
            (_, Some(at)) => {
                let took = inner.leases.now().saturating_sub(asked.1);
                inner.distance.to_caller(question.decide.now, at, took)
            }
            (_, None) => inner.distance.earliest(question.decide.now),
        };
        let Some((mut allowed, refused)) = said.decisions(&question.decide, now) else {
            return Err(self.failed(Failure::Unreadable));
        };
        if let (Some(id), Some(decided)) = (question.lease, &mut allowed) {
            let slots = slots(question, decided, inner, id);
            if !slots.is_empty() {
                decided.lease = Some(inner.leases.keep(id, said.fence(&question.decide), slots, asked));
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

    /// Asks by the short way where there is one, and by the general one where that has nothing to say.
    async fn put(&self, question: &Question) -> Result<Said, Failure> {
        let value = match &question.way {
            Way::General(call) => self.inner.route.script(call).await?,
            Way::Short(call) => match self.inner.route.run(call).await? {
                ::redis::Value::Nil => {
                    let call = self.general(&question.decide, 1, true, None).map_err(|_| Failure::Unreadable)?;
                    Box::pin(self.inner.route.script(&call)).await?
                }
                said => return Said::read_short(&said, call.script, &question.decide).ok_or(Failure::Unreadable),
            },
        };
        Said::read(value).ok_or(Failure::Unreadable)
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
