//! Holding requests that find no room, until there is some or their time is over.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use smallvec::SmallVec;
use tokio::time::sleep;

use super::Limiter;
use super::ask::Questions;
use super::prepared::Prepared;
use super::ruling::Ruling;
use crate::decision::Outcome;
use crate::key::KeyContext;
use crate::policy::Policy;
use crate::queue::{LOOK_AGAIN, Lines, Queue, Ticket};
use crate::store::{Mode, Reply};
use crate::time::Nanos;

/// The accounts of the rules that hold requests: of each rule asked its place among them, the account,
/// and the queue.
type Queued = SmallVec<[(usize, u64, Queue); 2]>;

impl Limiter {
    /// Decides, and holds the request if it finds no room and may wait for some.
    pub(super) fn ask_holding(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        asked: &mut Questions,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        let queued = self.queued(prepared, asked);
        if let Some(&(_, account, queue)) =
            queued.iter().find(|(_, account, _)| self.inner.lines.is_waited_for(*account))
        {
            return match self.may_wait().then(|| Lines::join(self, account, queue.places)).flatten() {
                Some(ticket) => self.waiting(policy, asked, queued, ticket, queue),
                None => self.refuse_behind(policy, prepared, asked, account, request),
            };
        }
        match self.ask_reserving(policy, prepared, &mut asked.clone(), request) {
            Reply::Now(ruling) => match self.hold(prepared, &ruling, &queued) {
                Some((ticket, queue)) => self.waiting(policy, asked, queued, ticket, queue),
                None => {
                    self.tell_at_last(asked, &ruling.decision, request);
                    Reply::Now(ruling)
                }
            },
            Reply::Later(ruling) => {
                let (limiter, policy, mut asked) = (self.clone(), policy.clone(), core::mem::take(asked));
                Reply::Later(Box::pin(async move {
                    let ruling = ruling.await;
                    let Ok(prepared) = limiter.prepared(&policy) else { return ruling };
                    let Some((ticket, queue)) = limiter.hold(prepared, &ruling, &queued) else {
                        limiter.tell_at_last(&asked, &ruling.decision, None);
                        return ruling;
                    };
                    match limiter.waiting(&policy, &mut asked, queued, ticket, queue) {
                        Reply::Now(ruling) => ruling,
                        Reply::Later(ruling) => ruling.await,
                    }
                }))
            }
        }
    }

    fn queued(&self, prepared: &Prepared, asked: &Questions) -> Queued {
        let mut queued = Queued::new();
        for one in asked {
            if let Some(rule) = prepared.rules.get(one.rule)
                && let Some(queue) = rule.queue
            {
                let subject = self.subject(one.tier.budget, rule, &one.tier.params, &one.key);
                queued.push((usize::from(rule.shown.index), self.account(one.tier.budget, &subject), queue));
            }
        }
        queued
    }

    /// A place in line for a refused request, if there is a point in waiting.
    fn hold(&self, prepared: &Prepared, ruling: &Ruling, queued: &Queued) -> Option<(Ticket, Queue)> {
        if ruling.decision.is_allowed() || !self.may_wait() {
            return None;
        }
        let first = ruling.decision.violated().next()?;
        let &(_, account, queue) = queued.iter().find(|(rule, ..)| *rule == first.index())?;
        self.next_look(prepared, ruling, queued, queue.max_wait)?;
        Some((Lines::join(self, account, queue.places)?, queue))
    }

    /// How long until a refused request should ask again, if it can pass within `left`. Something
    /// given back in the meantime calls it sooner.
    fn next_look(&self, prepared: &Prepared, ruling: &Ruling, queued: &Queued, left: Nanos) -> Option<Nanos> {
        let mut look = Nanos::ZERO;
        for usage in ruling.decision.violated() {
            let &(_, account, queue) = queued.iter().find(|(rule, ..)| *rule == usage.index())?;
            let settles = prepared.rules.get(usage.index()).is_some_and(|rule| rule.settle.is_some());
            let are_open = settles && self.inner.open.is_open(account);
            look = look.max(match (usage.outcome, usage.retry_after().map(Nanos::from)) {
                (Outcome::InFlight, _) => left,
                (Outcome::Spent, Some(retry)) if retry <= left && !queue.outcomes_only => retry,
                // Those under way may give back what they have taken.
                (Outcome::Spent, _) if are_open => left,
                // Slots come back when they do.
                (Outcome::Spent, None) if !queue.outcomes_only => left,
                _ => return None,
            });
        }
        let elsewhere = !self.inner.store.capabilities().is_local();
        Some(if elsewhere { look.min(LOOK_AGAIN.into()) } else { look })
    }

    fn waiting(
        &self,
        policy: &Policy,
        asked: &mut Questions,
        queued: Queued,
        ticket: Ticket,
        queue: Queue,
    ) -> Reply<Ruling> {
        let (limiter, policy, asked) = (self.clone(), policy.clone(), core::mem::take(asked));
        Reply::Later(Box::pin(async move {
            let ruling = limiter.wait(&policy, &asked, &queued, ticket, queue.max_wait).await;
            limiter.tell_at_last(&asked, &ruling.decision, None);
            ruling
        }))
    }

    /// Waits in line, and asks again whenever it is this one's turn.
    ///
    /// # Cancel safety
    ///
    /// Dropping this gives the place away. An answer of a store elsewhere that was not waited for
    /// may leave its charge standing.
    async fn wait(&self, policy: &Policy, asked: &Questions, queued: &Queued, ticket: Ticket, most: Nanos) -> Ruling {
        let mut ticket = ticket;
        let Ok(prepared) = self.prepared(policy) else { return Ruling::default() };
        let began = self.monotonic();
        let mut deadline = pin!(sleep(most.into()));
        let mut look: Option<Nanos> = None;
        loop {
            if ticket.is_first() {
                // Before asking, so that nothing given back after the answer is missed.
                ticket.watch(queued.iter().map(|(_, account, _)| *account));
                let ruling = self.attempt(policy, prepared, asked).await;
                let left = most.saturating_sub(self.monotonic().saturating_sub(began));
                look = self.next_look(prepared, &ruling, queued, left);
                if ruling.decision.is_allowed() || look.is_none() {
                    return ruling;
                }
            }
            let mut again = pin!(sleep(look.unwrap_or(most).into()));
            let is_over = poll_fn(|cx| {
                if deadline.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(true);
                }
                if ticket.poll_called(cx).is_ready() || again.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(false);
                }
                Poll::Pending
            });
            if is_over.await {
                // All who came before this one have gone: they had no more time than this one.
                return self.attempt(policy, prepared, asked).await;
            }
        }
    }

    async fn attempt(&self, policy: &Policy, prepared: &Prepared, asked: &Questions) -> Ruling {
        match self.ask_reserving(policy, prepared, &mut asked.clone(), None) {
            Reply::Now(ruling) => ruling,
            Reply::Later(ruling) => ruling.await,
        }
    }

    /// Refuses a request for which there is no place in line. It takes nothing, even if there is
    /// something to be had: that is for those who wait.
    fn refuse_behind(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        asked: &mut Questions,
        account: u64,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        let queued = self.queued(prepared, asked);
        let behind = queued.iter().find(|(_, other, _)| *other == account).map(|(rule, ..)| *rule);
        let refuse = move |mut ruling: Ruling| {
            if ruling.decision.is_allowed() {
                ruling.decision.allowed = false;
                let usage = ruling.decision.usages.iter_mut().find(|usage| Some(usage.index()) == behind);
                if let Some(usage) = usage {
                    usage.outcome = Outcome::Queued;
                }
            }
            ruling
        };
        let op = self.operation(prepared, asked, Mode::Peek);
        let copy = asked.clone();
        match self.submit(policy, prepared, op, asked, request) {
            Reply::Now(ruling) => {
                let ruling = refuse(ruling.untaken());
                self.tell_at_last(&copy, &ruling.decision, request);
                Reply::Now(ruling)
            }
            Reply::Later(ruling) => {
                let limiter = self.clone();
                Reply::Later(Box::pin(async move {
                    let ruling = refuse(ruling.await.untaken());
                    limiter.tell_at_last(&copy, &ruling.decision, None);
                    ruling
                }))
            }
        }
    }

    /// Without tokio's timer nobody can be woken.
    fn may_wait(&self) -> bool {
        tokio::runtime::Handle::try_current().is_ok()
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.inner.lines
    }

    /// How many requests are held, of all keys and rules.
    #[must_use]
    pub fn waiting_requests(&self) -> usize {
        self.inner.lines.len()
    }
}
