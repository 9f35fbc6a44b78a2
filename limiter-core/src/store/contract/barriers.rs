//! Whether a store of barriers keeps its [promises](crate::store::barrier).
//!
//! Say how to reach the store and how time passes, and [`check`] tries each promise.

use core::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::timed::{CALLERS, Promise, Timed, about, at_once, join, later, verify};
use super::trial::{Verified, expect};
use super::{Broken, InTime, assert_none};
use crate::store::{Arrival, AtTimeout, Barriers, BoxFuture, Ticket, Waited};

/// A store of barriers, and how time passes for it.
pub trait BarriersUnderTest: InTime {
    /// The store.
    fn barriers(&self) -> Arc<dyn Barriers>;
}

/// Checks every promise.
///
/// # Errors
///
/// The promises that were not kept.
pub fn check(subject: &impl BarriersUnderTest) -> Result<(), Vec<Broken>> {
    verify(&subject.barriers(), subject, "barriers", &PROMISES)
}

/// As [`check`], for tests.
///
/// # Panics
///
/// When a promise is not kept. The message names it and lists the operations.
#[track_caller]
pub fn assert_keeps(subject: &impl BarriersUnderTest) {
    assert_none(check(subject));
}

type Store = Arc<dyn Barriers>;

const PROMISES: [Promise<Store>; 8] = [
    (1, "made once", made_once),
    (2, "counted exactly", counted_exactly),
    (3, "parties count once", parties_count_once),
    (4, "cleared stays cleared", cleared_stays_cleared),
    (5, "lifetimes", lifetimes),
    (6, "no wake-up is lost", no_wake_up_is_lost),
    (7, "true timeouts", true_timeouts),
    (8, "generations grow", generations_grow),
];

/// One barrier on trial.
struct Site<'a> {
    store: &'a Store,
    trial: &'a Timed<'a>,
    name: String,
}

impl<'a> Site<'a> {
    fn new(store: &'a Store, trial: &'a Timed<'a>, part: &str) -> Self {
        Site { store, trial, name: trial.name(part) }
    }

    fn create(&self, parties: u32) -> Result<bool, String> {
        let parties = NonZeroU32::new(parties).unwrap_or(NonZeroU32::MIN);
        let reply = self.store.create(&self.name, parties, self.trial.lifetime()?);
        self.trial.ask(format!("create for {parties}"), reply)
    }

    fn created(&self, parties: u32) -> Verified {
        expect("a barrier of a new name is created", self.create(parties)?, true)
    }

    fn arrive(&self, party: Option<&str>) -> Result<Arrival, String> {
        self.trial.ask(format!("{} arrives", party.unwrap_or("somebody")), self.store.arrive(&self.name, party))
    }

    fn clears(&self, party: Option<&str>) -> Verified {
        expect("the arrival clears the barrier", self.arrive(party)?.is_cleared(), true)
    }

    /// Arrives where others are awaited.
    fn ticket(&self, party: Option<&str>, missing: u32) -> Result<Ticket, String> {
        match self.arrive(party)? {
            Arrival::Waiting { ticket, missing: told } => {
                expect("arrivals missing", told, missing)?;
                Ok(ticket)
            }
            other => Err(format!("others are awaited, but the arrival was told {other:?}")),
        }
    }

    fn wait(&self, ticket: &Ticket, timeout: Duration, then: AtTimeout) -> Result<Waited, String> {
        self.trial.ask(format!("wait up to {timeout:?}"), self.store.wait(ticket, timeout, then))
    }

    /// An arrival after a pause, to be waited for beside others.
    fn arrival_after(&self, pause: Duration, party: &str) -> BoxFuture<()> {
        let (store, name, party) = (Arc::clone(self.store), self.name.clone(), party.to_owned());
        let pause = self.trial.pause(pause);
        Box::pin(async move {
            pause.await;
            let _ = later(store.arrive(&name, Some(&party))).await;
        })
    }

    /// Waits while something else happens; what the wait came to, and how long it took.
    fn wait_beside(
        &self,
        ticket: &Ticket,
        timeout: Duration,
        beside: BoxFuture<()>,
    ) -> Result<(Waited, Duration), String> {
        let before = self.trial.now();
        let (store, ticket) = (Arc::clone(self.store), ticket.clone());
        let waiting: BoxFuture<Option<_>> =
            Box::pin(async move { Some(later(store.wait(&ticket, timeout, AtTimeout::Keep)).await) });
        let beside: BoxFuture<Option<_>> = Box::pin(async move {
            beside.await;
            None
        });
        let answers = self.trial.run(join(vec![waiting, beside]))?;
        let took = Duration::from(self.trial.now().saturating_sub(before));
        self.trial.note(format!("wait up to {timeout:?} beside others -> {answers:?}"));
        match answers.into_iter().flatten().next() {
            Some(Ok(waited)) => Ok((waited, took)),
            other => Err(format!("a wait came to {other:?}")),
        }
    }
}

fn made_once(store: &Store, trial: &Timed<'_>) -> Verified {
    for round in 0..4 {
        let site = Site::new(store, trial, &format!("race-{round}"));
        let lifetime = trial.lifetime()?;
        let replies = at_once(|| store.create(&site.name, NonZeroU32::MIN, lifetime));
        let made = trial.ask_all("create at once", replies)?;
        expect("barriers created at once", made.iter().filter(|made| **made).count(), 1)?;
    }
    let site = Site::new(store, trial, "again");
    site.created(1)?;
    site.clears(Some("a"))?;
    expect("a cleared barrier is created again", site.create(1)?, false)
}

fn counted_exactly(store: &Store, trial: &Timed<'_>) -> Verified {
    for round in 0..4 {
        let site = Site::new(store, trial, &format!("race-{round}"));
        site.created(CALLERS)?;
        let arrivals = trial.ask_all("arrive at once", at_once(|| store.arrive(&site.name, None)))?;
        let mut missing: Vec<u32> = arrivals
            .iter()
            .filter_map(|arrival| match arrival {
                Arrival::Waiting { missing, .. } => Some(*missing),
                _ => None,
            })
            .collect();
        missing.sort_unstable();
        expect("arrivals that clear", arrivals.iter().filter(|arrival| arrival.is_cleared()).count(), 1)?;
        expect("what the others were told is missing", missing, (1..CALLERS).collect())?;
    }
    Ok(())
}

fn parties_count_once(store: &Store, trial: &Timed<'_>) -> Verified {
    let site = Site::new(store, trial, "names");
    site.created(4)?;
    for _ in 0..3 {
        let _ = site.ticket(Some("a"), 3)?;
    }
    let _ = site.ticket(None, 2)?;
    let _ = site.ticket(None, 1)?;
    let _ = site.ticket(Some("a"), 1)?;
    site.clears(Some("b"))
}

fn cleared_stays_cleared(store: &Store, trial: &Timed<'_>) -> Verified {
    let site = Site::new(store, trial, "cleared");
    site.created(2)?;
    let ticket = site.ticket(Some("a"), 1)?;
    site.clears(Some("b"))?;
    for party in [Some("a"), Some("b"), Some("c"), None] {
        site.clears(party)?;
    }
    trial.advance(trial.eighths(3));
    site.clears(None)?;
    expect("a wait after the clearing", site.wait(&ticket, trial.eighths(1), AtTimeout::Withdraw)?, Waited::Cleared)?;
    site.clears(None)
}

fn lifetimes(store: &Store, trial: &Timed<'_>) -> Verified {
    let site = Site::new(store, trial, "lifetime");
    expect("an arrival where no barrier is", site.arrive(Some("a"))?, Arrival::NoSuchBarrier)?;
    site.created(3)?;
    trial.advance(trial.eighths(5));
    let ticket = site.ticket(Some("a"), 2)?;
    trial.advance(trial.eighths(5));
    // Six eighths later than it would be gone had nobody arrived.
    let _ = site.ticket(Some("a"), 2)?;
    trial.advance(trial.eighths(8) + trial.resolution() - Duration::from_millis(1));
    expect("an arrival after the lifetime", site.arrive(Some("b"))?, Arrival::NoSuchBarrier)?;
    let waited = site.wait(&ticket, trial.eighths(1), AtTimeout::Keep)?;
    expect("a wait after the lifetime", waited, Waited::NoSuchBarrier)?;

    let site = Site::new(store, trial, "clearing");
    site.created(1)?;
    trial.advance(trial.eighths(5));
    site.clears(Some("a"))?;
    trial.advance(trial.eighths(3) + trial.resolution() - Duration::from_millis(1));
    expect("clearing begins the lifetime anew", site.arrive(Some("a"))?, Arrival::NoSuchBarrier)?;

    let site = Site::new(store, trial, "waiting");
    site.created(2)?;
    let ticket = site.ticket(Some("a"), 1)?;
    let (waited, took) = site.wait_beside(&ticket, Duration::MAX, Box::pin(core::future::ready(())))?;
    expect("a wait that outlives its barrier", waited, Waited::NoSuchBarrier)?;
    about(trial, "that wait", took, trial.eighths(8))
}

fn no_wake_up_is_lost(store: &Store, trial: &Timed<'_>) -> Verified {
    let site = Site::new(store, trial, "during");
    site.created(2)?;
    let ticket = site.ticket(Some("a"), 1)?;
    let (waited, took) = site.wait_beside(&ticket, trial.eighths(6), site.arrival_after(trial.eighths(2), "b"))?;
    expect("a wait during which the last party arrives", waited, Waited::Cleared)?;
    about(trial, "that wait", took, trial.eighths(2))?;

    let site = Site::new(store, trial, "before");
    site.created(2)?;
    let ticket = site.ticket(Some("a"), 1)?;
    site.clears(Some("b"))?;
    let before = trial.now();
    expect("a wait after the last arrival", site.wait(&ticket, trial.eighths(6), AtTimeout::Keep)?, Waited::Cleared)?;
    about(trial, "that wait", trial.now().saturating_sub(before).into(), Duration::ZERO)
}

fn true_timeouts(store: &Store, trial: &Timed<'_>) -> Verified {
    let site = Site::new(store, trial, "timeout");
    site.created(2)?;
    let ticket = site.ticket(Some("a"), 1)?;
    let before = trial.now();
    expect("a wait for nobody", site.wait(&ticket, trial.eighths(3), AtTimeout::Keep)?, Waited::TimedOut)?;
    about(trial, "that wait", trial.now().saturating_sub(before).into(), trial.eighths(3))?;
    expect("a wait of no time", site.wait(&ticket, Duration::ZERO, AtTimeout::Keep)?, Waited::TimedOut)?;
    site.clears(Some("b"))?;

    for party in [Some("a"), None] {
        let site = Site::new(store, trial, &format!("withdrawn-{}", party.is_some()));
        site.created(2)?;
        let ticket = site.ticket(party, 1)?;
        let waited = site.wait(&ticket, trial.eighths(1), AtTimeout::Withdraw)?;
        expect("a wait for nobody", waited, Waited::TimedOut)?;
        let _ = site.ticket(Some("b"), 1)?;
        site.clears(Some("c"))?;
    }
    Ok(())
}

fn generations_grow(store: &Store, trial: &Timed<'_>) -> Verified {
    let site = Site::new(store, trial, "generation");
    site.created(2)?;
    let early = site.ticket(Some("a"), 1)?;
    trial.advance(trial.eighths(8) + trial.resolution() - Duration::from_millis(1));
    site.created(2)?;
    let late = site.ticket(Some("a"), 1)?;
    if late.generation() <= early.generation() {
        return Err(format!("generation {} was followed by {}", early.generation(), late.generation()));
    }
    let waited = site.wait(&early, trial.eighths(1), AtTimeout::Withdraw)?;
    expect("a wait for an earlier barrier of the name", waited, Waited::NoSuchBarrier)?;
    site.clears(Some("b"))?;
    expect("the later barrier", site.wait(&late, trial.eighths(1), AtTimeout::Keep)?, Waited::Cleared)
}
