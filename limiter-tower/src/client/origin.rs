//! One origin: the budgets its answers told of, the requests under way, and those that wait.
//!
//! Like [`pacing`](super::pacing) this knows no clock; instants come in as arguments. Wakers are the only thing
//! here that reaches outside.

use std::collections::BTreeMap;
use std::task::Waker;

use http::{Method, StatusCode};
use limiter_core::time::Nanos;

use super::fields::Report;
use super::pacing::{Budget, Heard, Turn, wait_of};

/// Budgets remembered for one origin. Beyond it the one heard of least recently is given up.
const MOST_BUDGETS: usize = 16;
const SECOND: Nanos = Nanos::new(1_000_000_000);

/// Servers of this project, and others, count reads and writes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Read,
    Write,
}

impl Class {
    pub(super) fn of(method: &Method) -> Self {
        if method.is_safe() { Class::Read } else { Class::Write }
    }
}

/// What one origin is known to allow.
#[derive(Debug)]
pub(super) struct Origin {
    budgets: Vec<Known>,
    hold: Option<Hold>,
    sent: u64,
    answered: u64,
    waiting: BTreeMap<u64, Waiter>,
    places: u64,
}

#[derive(Debug)]
struct Known {
    name: String,
    /// Whose answers told of it: a quota for writes does not delay reads.
    reads: bool,
    writes: bool,
    budget: Budget,
    /// Requests sent before it was known were not taken from it.
    since: u64,
    heard: Nanos,
}

/// A brake on everything, until an answer lifts it.
#[derive(Debug)]
struct Hold {
    budget: Budget,
    /// Answers to requests that left earlier do not lift it.
    since: Nanos,
}

#[derive(Debug)]
struct Waiter {
    class: Class,
    waker: Waker,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Ticket {
    class: Class,
    sent: Nanos,
    number: u64,
    answered: u64,
}

/// What an answer says about limits.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<u64>,
    pub(super) reports: Vec<Report>,
}

/// What a request is told that asks to go.
#[derive(Debug)]
pub(super) enum Reply {
    /// It goes; whoever is next has to look again.
    Go(Ticket, Option<Waker>),
    /// Not before this instant, or when woken.
    Wait(Nanos),
    /// It would have to wait longer than it may: how long at least. Whoever is next has to look again.
    TooLong(Nanos, Option<Waker>),
}

impl Origin {
    /// An origin that has not answered yet: `ahead` requests may go before it does.
    pub(super) fn new(now: Nanos, ahead: u64) -> Self {
        let hold = Hold { budget: Budget::trickle(now, ahead, SECOND, SECOND), since: Nanos::ZERO };
        Origin { budgets: Vec::new(), hold: Some(hold), sent: 0, answered: 0, waiting: BTreeMap::new(), places: 0 }
    }

    /// Asks to send a request. The first time without a `place`; one that has to wait gets it.
    ///
    /// Only the first of a class waits for an instant: whoever goes or gives up hands the turn on.
    pub(super) fn ask(
        &mut self,
        now: Nanos,
        class: Class,
        place: &mut Option<u64>,
        deadline: Nanos,
        waker: &Waker,
    ) -> Reply {
        let here = place.unwrap_or(self.places);
        let ahead = self.waiting.range(..here).filter(|(_, other)| other.class == class).count();
        let turn = self.turn(now, class, u64::try_from(ahead).unwrap_or(u64::MAX));
        let (at, soonest) = match turn {
            Turn::Now if ahead == 0 => {
                self.leave(place);
                return Reply::Go(self.send(now, class), self.head(class));
            }
            Turn::Now => (now, now),
            Turn::Later { at, soonest } => (at, soonest),
        };
        if soonest > deadline || now >= deadline {
            let next = self.give_up(class, place);
            let wait = if soonest > now { soonest } else { at };
            return Reply::TooLong(wait.saturating_sub(now), next);
        }
        if place.is_none() {
            self.places = self.places.saturating_add(1);
            *place = Some(here);
        }
        self.waiting.insert(here, Waiter { class, waker: waker.clone() });
        Reply::Wait(if ahead == 0 { at.min(deadline) } else { deadline })
    }

    /// Gives a place up without having gone; the first of those who wait has to look again.
    pub(super) fn give_up(&mut self, class: Class, place: &mut Option<u64>) -> Option<Waker> {
        place.is_some().then(|| self.leave(place))?;
        self.head(class)
    }

    /// Takes in an answer; those returned have to look again.
    pub(super) fn answer(&mut self, now: Nanos, ticket: &Ticket, answer: &Answer) -> Vec<Waker> {
        self.answered = self.answered.saturating_add(1);
        let refused = matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let heard = Heard {
            sent: ticket.sent,
            now,
            before: ticket.answered,
            index: self.answered,
            under_way: self.sent.saturating_sub(self.answered),
            refused: answer.status == StatusCode::TOO_MANY_REQUESTS,
        };
        for report in &answer.reports {
            self.hear(ticket.class, report, heard);
        }
        // Redirects carry no fields though they count; any other answer without a policy's name was not charged to it.
        if !answer.status.is_redirection() && !answer.status.is_informational() {
            self.refund(ticket, &answer.reports);
        }
        if refused && self.pause(now, answer) {
            // Everyone has to look again: some will find the wait too long.
            return self.waiting.values().map(|waiter| waiter.waker.clone()).collect();
        }
        if self.hold.as_ref().is_some_and(|hold| ticket.sent >= hold.since) {
            self.hold = None;
        }
        self.heads()
    }

    /// A request ended without an answer: it may have been counted or not, so what it took stays taken. Those
    /// that wait for its answer need another.
    pub(super) fn abandon(&mut self, ticket: &Ticket) -> Vec<Waker> {
        self.answered = self.answered.saturating_add(1);
        if let Some(hold) = self.hold.as_mut().filter(|hold| ticket.sent >= hold.since) {
            hold.budget.try_again();
        }
        for known in self.budgets.iter_mut().filter(|known| known.is_for(ticket.class)) {
            if ticket.number > known.since {
                known.budget.try_again();
            }
        }
        self.heads()
    }

    /// From when on forgetting this origin costs nothing but a fresh start.
    pub(super) fn matters_until(&mut self, now: Nanos) -> Nanos {
        let spent = |budget: &mut Budget| if budget.units(now) == 0 { budget.next() } else { Nanos::ZERO };
        let hold = self.hold.as_mut().map_or(Nanos::ZERO, |hold| spent(&mut hold.budget));
        self.budgets.iter_mut().map(|known| spent(&mut known.budget)).fold(hold, Nanos::max)
    }

    fn turn(&mut self, now: Nanos, class: Class, ahead: u64) -> Turn {
        let hold = self.hold.iter_mut().map(|hold| &mut hold.budget);
        let known = self.budgets.iter_mut().filter(|known| known.is_for(class)).map(|known| &mut known.budget);
        hold.chain(known).map(|budget| budget.turn(now, ahead)).fold(Turn::Now, Turn::and)
    }

    fn send(&mut self, now: Nanos, class: Class) -> Ticket {
        if let Some(hold) = &mut self.hold {
            hold.budget.take(now);
        }
        for known in self.budgets.iter_mut().filter(|known| known.is_for(class)) {
            known.budget.take(now);
        }
        self.sent = self.sent.saturating_add(1);
        Ticket { class, sent: now, number: self.sent, answered: self.answered }
    }

    fn hear(&mut self, class: Class, report: &Report, heard: Heard) {
        let known = match self.budgets.iter().position(|known| known.name == report.name) {
            Some(index) => {
                let known = &mut self.budgets[index];
                known.budget.hear(report, heard);
                known
            }
            None => {
                if self.budgets.len() >= MOST_BUDGETS
                    && let Some((oldest, _)) = self.budgets.iter().enumerate().min_by_key(|(_, known)| known.heard)
                {
                    self.budgets.swap_remove(oldest);
                }
                self.budgets.push(Known {
                    name: report.name.clone(),
                    reads: false,
                    writes: false,
                    budget: Budget::first(report, heard),
                    since: self.sent,
                    heard: heard.now,
                });
                let last = self.budgets.len() - 1;
                &mut self.budgets[last]
            }
        };
        known.heard = heard.now;
        match class {
            Class::Read => known.reads = true,
            Class::Write => known.writes = true,
        }
    }

    fn refund(&mut self, ticket: &Ticket, reports: &[Report]) {
        for known in self.budgets.iter_mut().filter(|known| known.is_for(ticket.class)) {
            if ticket.number > known.since && reports.iter().all(|report| report.name != known.name) {
                known.budget.give_back();
            }
        }
    }

    fn pause(&mut self, now: Nanos, answer: &Answer) -> bool {
        let wait = match answer.retry_after {
            Some(seconds) => wait_of(seconds).max(SECOND),
            // A refusal that says nothing at all: not again at once.
            None if answer.status == StatusCode::TOO_MANY_REQUESTS && answer.reports.is_empty() => SECOND,
            None => return false,
        };
        let known = match self.hold.as_mut().map(|hold| hold.budget.turn(now, 0)) {
            Some(Turn::Later { at, .. }) => at,
            _ => now,
        };
        let until = now.saturating_add(wait).max(known);
        self.hold = Some(Hold { budget: Budget::trickle(now, 0, until.saturating_sub(now), SECOND), since: now });
        true
    }

    fn leave(&mut self, place: &mut Option<u64>) {
        if let Some(here) = place.take() {
            self.waiting.remove(&here);
        }
    }

    fn head(&self, class: Class) -> Option<Waker> {
        self.waiting.values().find(|waiter| waiter.class == class).map(|waiter| waiter.waker.clone())
    }

    fn heads(&self) -> Vec<Waker> {
        [Class::Read, Class::Write].into_iter().filter_map(|class| self.head(class)).collect()
    }
}

impl Known {
    fn is_for(&self, class: Class) -> bool {
        match class {
            Class::Read => self.reads,
            Class::Write => self.writes,
        }
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
