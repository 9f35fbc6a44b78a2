//! Holding requests that find no room, until there is some or their time is over.

use core::future::{Future, poll_fn};
use core::mem;
use core::pin::pin;
use core::task::Poll;

use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::Limiter;
use super::ask::Questions;
use super::line::{LineFull, Place, Rules};
use super::prepared::Prepared;
use super::ruling::Ruling;
use crate::decision::Outcome;
use crate::key::KeyContext;
use crate::policy::Policy;
use crate::queue::{LOOK_AGAIN, MOST_WAITING, Queue};
use crate::store::{Mode, Reply};
use crate::time::Nanos;

/// Of each rule that holds requests its place in the policy, the line of the request's key, and the
/// queue.
type Queued = SmallVec<[(usize, u64, Queue); 2]>;

/// The lines whose requests were under way when a question was asked.
type UnderWay = SmallVec<[u64; 2]>;

/// What stands in the way of a refused request.
struct Obstacle {
    /// Where to wait for it to go away.
    line: u64,
    queue: Queue,
    /// When to look again, unless called before.
    look: Nanos,
}

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
        let occupied = queued.iter().find(|(_, line, _)| self.inner.lines.len(*line) > 0);
        if let Some(&(_, line, queue)) = occupied {
            return match self.stand_in_line(line, queue, None) {
                Some(place) => self.until_room(policy, asked, queued, place, queue),
                None => self.refuse_behind(policy, prepared, asked, line, request),
            };
        }
        let before = self.under_way(&queued);
        match self.ask_reserving(policy, prepared, &mut asked.clone(), request) {
            Reply::Now(ruling) => match self.line_for(prepared, &ruling, &queued, &before) {
                Some((place, queue)) => self.until_room(policy, asked, queued, place, queue),
                None => {
                    self.tell_at_last(asked, &ruling.decision, request);
                    Reply::Now(ruling)
                }
            },
            Reply::Later(ruling) => {
                let (limiter, policy, mut asked) = (self.clone(), policy.clone(), mem::take(asked));
                Reply::Later(Box::pin(async move {
                    let ruling = ruling.await;
                    let Ok(prepared) = limiter.prepared(&policy) else { return ruling };
                    let Some((place, queue)) = limiter.line_for(prepared, &ruling, &queued, &before) else {
                        limiter.tell_at_last(&asked, &ruling.decision, None);
                        return ruling;
                    };
                    match limiter.until_room(&policy, &mut asked, queued, place, queue) {
                        Reply::Now(ruling) => ruling,
                        Reply::Later(ruling) => ruling.await,
                    }
                }))
            }
        }
    }

    fn queued(&self, prepared: &Prepared, asked: &Questions) -> Queued {
        let queue = |one: &super::ask::Asked| {
            // A rule in shadow refuses nothing, so that nobody waits for it.
            let queue = prepared.rules.get(one.rule)?.queue.filter(|_| !one.shadow)?;
            Some((one.rule, self.account(one.tier.budget, &one.key), queue))
        };
        asked.iter().filter_map(queue).collect()
    }

    fn under_way(&self, queued: &Queued) -> UnderWay {
        queued.iter().map(|(_, line, _)| *line).filter(|line| self.inner.open.is_open(*line)).collect()
    }

    /// A place in line for a refused request, if there is a point in waiting.
    fn line_for(
        &self,
        prepared: &Prepared,
        ruling: &Ruling,
        queued: &Queued,
        before: &UnderWay,
    ) -> Option<(Place, Queue)> {
        if ruling.decision.is_allowed() {
            return None;
        }
        let obstacle = self.obstacle_of(prepared, ruling, queued, before, None)?;
        Some((self.stand_in_line(obstacle.line, obstacle.queue, None)?, obstacle.queue))
    }

    fn stand_in_line(&self, line: u64, queue: Queue, arrival: Option<u64>) -> Option<Place> {
        // Without tokio's timer nobody can be woken.
        if self.inner.lines.waiting() >= MOST_WAITING || Handle::try_current().is_err() {
            return None;
        }
        let longest = usize::try_from(queue.places).unwrap_or(usize::MAX);
        let rules = Rules { longest, newest_first_above: usize::MAX };
        self.inner.lines.join(line, arrival, rules).map_err(|LineFull| ()).ok()
    }

    /// What a refused request has to wait for: of several rules that refuse, what takes longest. `None`
    /// if it cannot pass in the time that it has: the queue's, or what is `left` of it.
    fn obstacle_of(
        &self,
        prepared: &Prepared,
        ruling: &Ruling,
        queued: &Queued,
        before: &UnderWay,
        left: Option<Nanos>,
    ) -> Option<Obstacle> {
        let mut worst: Option<Obstacle> = None;
        for usage in ruling.decision.violated() {
            let &(_, line, queue) = queued.iter().find(|(rule, ..)| *rule == usage.index())?;
            let left = left.unwrap_or(queue.max_wait);
            let settles = prepared.rules.get(usage.index()).is_some_and(|rule| rule.settle.is_some());
            // Those who were under way may have given back since, too late for this answer.
            let are_open = settles && (before.contains(&line) || self.inner.open.is_open(line));
            let look = match (usage.outcome(), usage.wait()) {
                (Outcome::InFlight, _) => left,
                (Outcome::Spent, Some(retry)) if retry <= left && !queue.outcomes_only => retry,
                // Those under way may give back what they have taken.
                (Outcome::Spent, _) if are_open => left,
                // Slots come back when they do.
                (Outcome::Spent, None) if !queue.outcomes_only => left,
                _ => return None,
            };
            if worst.as_ref().is_none_or(|worst| worst.look < look) {
                worst = Some(Obstacle { line, queue, look });
            }
        }
        if let Some(worst) = &mut worst
            && self.memory().is_none()
        {
            worst.look = worst.look.min(LOOK_AGAIN.into());
        }
        worst
    }

    fn until_room(
        &self,
        policy: &Policy,
        asked: &mut Questions,
        queued: Queued,
        place: Place,
        queue: Queue,
    ) -> Reply<Ruling> {
        let (limiter, policy, asked) = (self.clone(), policy.clone(), mem::take(asked));
        Reply::Later(Box::pin(async move {
            let arrived = limiter.monotonic();
            let ruling = limiter.wait_in_line(&policy, &asked, &queued, place, queue.max_wait).await;
            limiter.tell_at_last(&asked, &ruling.decision, None);
            limiter.tell_wait(arrived, ruling.decision.is_allowed());
            ruling
        }))
    }

    /// Waits in line, and asks again whenever it is this one's turn.
    ///
    /// # Cancel safety
    ///
    /// Dropping this gives up the place, and what a store granted meanwhile.
    async fn wait_in_line(
        &self,
        policy: &Policy,
        asked: &Questions,
        queued: &Queued,
        mut place: Place,
        most: Nanos,
    ) -> Ruling {
        let Ok(prepared) = self.prepared(policy) else { return Ruling::default() };
        let began = self.monotonic();
        let mut deadline = pin!(sleep(most.into()));
        let mut look = most;
        loop {
            if place.has_turn() {
                let before = self.under_way(queued);
                let ruling = self.attempt_held(policy, prepared, asked).await;
                let left = most.saturating_sub(self.monotonic().saturating_sub(began));
                let obstacle = self.obstacle_of(prepared, &ruling, queued, &before, Some(left));
                let Some(obstacle) = obstacle.filter(|_| !ruling.decision.is_allowed()) else { return ruling };
                look = obstacle.look;
                if obstacle.line != place.line() {
                    match self.stand_in_line(obstacle.line, obstacle.queue, Some(place.arrival())) {
                        Some(other) => place = other,
                        None => return ruling,
                    }
                    // What was given back before it stood there was heard by nobody.
                    continue;
                }
            }
            let mut again = pin!(sleep(look.into()));
            let is_over = poll_fn(|cx| {
                if deadline.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(true);
                }
                if place.poll_called(cx).is_ready() || again.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(false);
                }
                Poll::Pending
            });
            if is_over.await {
                // All who came before this one have gone: they had no more time than this one.
                return self.attempt_held(policy, prepared, asked).await;
            }
        }
    }

    async fn attempt_held(&self, policy: &Policy, prepared: &Prepared, asked: &Questions) -> Ruling {
        let answer = match self.ask_reserving(policy, prepared, &mut asked.clone(), None) {
            Reply::Now(ruling) => return ruling,
            Reply::Later(answer) => answer,
        };
        let mut unclaimed = Unclaimed { limiter: self.clone(), ruling: None };
        let (tell, told) = oneshot::channel::<Unclaimed>();
        // On its own, so that what is granted after this was dropped is given back.
        tokio::spawn(async move {
            unclaimed.ruling = Some(answer.await);
            let _: Result<(), Unclaimed> = tell.send(unclaimed);
        });
        told.await.ok().and_then(|mut unclaimed| unclaimed.ruling.take()).unwrap_or_default()
    }

    /// Refuses a request for which there is no place in line. It takes nothing, even if there is
    /// something to be had: that is for those who wait.
    fn refuse_behind(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        asked: &mut Questions,
        line: u64,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        let behind = self.queued(prepared, asked).into_iter().find(|(_, other, _)| *other == line);
        let refuse = move |ruling: Ruling| {
            let mut ruling = ruling.untaken();
            if mem::replace(&mut ruling.decision.allowed, false) {
                let is_behind = |index: usize| behind.is_some_and(|(rule, ..)| rule == index);
                let usage = ruling.decision.usages.iter_mut().find(|usage| is_behind(usage.index()));
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
                let ruling = refuse(ruling);
                self.tell_at_last(&copy, &ruling.decision, request);
                Reply::Now(ruling)
            }
            Reply::Later(ruling) => {
                let limiter = self.clone();
                Reply::Later(Box::pin(async move {
                    let ruling = refuse(ruling.await);
                    limiter.tell_at_last(&copy, &ruling.decision, None);
                    ruling
                }))
            }
        }
    }
}

/// What a store granted, until somebody takes it.
struct Unclaimed {
    limiter: Limiter,
    ruling: Option<Ruling>,
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(ruling) = &mut self.ruling {
            self.limiter.undo(ruling);
        }
    }
}
