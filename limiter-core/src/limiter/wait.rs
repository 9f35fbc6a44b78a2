//! Acquiring, and waiting for one's turn.
//!
//! Who is refused stands in line for what refused it. One of a line at a time asks the store: when it
//! got the turn, when something was given back, and at the instant at which the store said that
//! asking helps. Nobody asks in between, but for what no one in this process hears of: slots that
//! another process gives back, and room in a full table.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::Limiter;
use super::claim::Claim;
use super::exceeded::{Exceeded, RateLimitExceeded};
use super::granted::{Granted, is_final};
use super::held::Held;
use super::line::{LineFull, Place, Rules};
use super::obstacle::{Obstacle, Path};
use crate::event::WaitOver;
use crate::key::Key;
use crate::policy::Policy;
use crate::store::{Charged, Mode, Reply, Subject};
use crate::time::Nanos;

/// Who may wait for how long, and beside how many.
///
/// ```
/// use limiter_core::Wait;
/// use std::time::Duration;
///
/// let wait = Wait::up_to(Duration::from_millis(250)).queue(32);
/// # let _ = wait;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    longest: Duration,
    queue: usize,
    newest_first: bool,
}

/// How many wait for one budget and key unless stated.
const QUEUE: usize = 1024;

impl Wait {
    /// Waits for this long at most, beside up to 1024 others.
    #[must_use]
    pub const fn up_to(longest: Duration) -> Self {
        Wait { longest, queue: QUEUE, newest_first: false }
    }

    /// How many may wait for the same budget and key at the same time. Who comes when the queue is
    /// full is refused at once.
    #[must_use]
    pub const fn queue(mut self, length: usize) -> Self {
        self.queue = length;
        self
    }

    /// While more than half of the queue is taken, lets the newest go first: under overload the
    /// oldest have waited for so long that nobody may want their answers any more. Without this the
    /// oldest goes first.
    #[must_use]
    pub const fn newest_first_under_overload(mut self) -> Self {
        self.newest_first = true;
        self
    }

    fn rules(&self) -> Rules {
        let above = if self.newest_first { self.queue / 2 } else { usize::MAX };
        Rules { longest: self.queue, newest_first_above: above }
    }
}

impl Limiter {
    /// Takes what a policy asks of a key, or waits for it: first come, first served. Every rule takes
    /// its constant cost, or 1 where the cost is worked out from a request.
    ///
    /// It gives up early when a rule says that it will take longer than `wait` allows.
    ///
    /// # Cancel safety
    ///
    /// Dropping this gives up the place in the queue, and what a store granted meanwhile.
    ///
    /// # Errors
    ///
    /// When the time is up, the queue is full, or waiting cannot help.
    ///
    /// # Panics
    ///
    /// When it has to wait outside a tokio runtime, or in one without a timer.
    ///
    /// # Examples
    ///
    /// ```
    /// use limiter_core::{Limiter, Policy, Rule, Wait, key::Key};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let limiter = Limiter::in_memory();
    /// let policy = Policy::new("mails", [Rule::new("100/s burst 1".parse()?)])?;
    /// for _ in 0..3 {
    ///     let sent = limiter.acquire(&policy, &Key::everyone(), Wait::up_to(Duration::from_secs(1))).await?;
    ///     println!("sent after {:?}", sent.waited());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn acquire(
        &self,
        policy: &Policy,
        key: &Key,
        wait: Wait,
    ) -> impl Future<Output = Result<Held, RateLimitExceeded>> + Send + use<> {
        self.claim(Claim::new(policy, key), wait)
    }

    /// As [`Limiter::acquire`], for several policies: all are charged or none is.
    ///
    /// # Cancel safety
    ///
    /// As [`Limiter::acquire`].
    ///
    /// # Errors
    ///
    /// As [`Limiter::acquire`].
    ///
    /// # Panics
    ///
    /// As [`Limiter::acquire`].
    pub fn claim(
        &self,
        claim: Claim,
        wait: Wait,
    ) -> impl Future<Output = Result<Held, RateLimitExceeded>> + Send + use<> {
        let limiter = self.clone();
        async move { limiter.wait_for(&claim, wait).await }
    }

    async fn wait_for(&self, claim: &Claim, wait: Wait) -> Result<Held, RateLimitExceeded> {
        let arrived = self.inner.clock.read(false).monotonic;
        let paths = self.paths_of(claim);
        let obstacle = match self.first_occupied(&paths) {
            Some(line) if wait.longest.is_zero() => {
                let reason =
                    if self.inner.lines.len(line) < wait.queue { Exceeded::OthersWait } else { Exceeded::QueueFull };
                return Err(self.refuse(self.refused_unasked(claim), reason, Duration::ZERO));
            }
            Some(line) => Obstacle::others(line),
            None => match self.attempt(claim, &paths, arrived).await? {
                Attempt::Held(held) => return Ok(held),
                Attempt::Refused(granted, obstacle) => {
                    if wait.longest.is_zero() || obstacle.outlasts(wait.longest) {
                        return Err(self.refuse(granted, Exceeded::Spent, self.since(arrived)));
                    }
                    obstacle
                }
            },
        };
        let place = self.stand(claim, &obstacle, None, wait)?;
        let came = self.wait_in_line_for(claim, &paths, arrived, obstacle, place, wait).await;
        self.tell_wait(arrived, came.is_ok());
        came
    }

    async fn wait_in_line_for(
        &self,
        claim: &Claim,
        paths: &[Path],
        arrived: Nanos,
        mut obstacle: Obstacle,
        mut place: Place,
        wait: Wait,
    ) -> Result<Held, RateLimitExceeded> {
        let mut timeout = pin!(sleep(wait.longest));
        let mut seen = None;
        loop {
            let pause = if place.has_turn() && seen.is_some() { obstacle.pause() } else { None };
            match next(&place, timeout.as_mut(), pause).await {
                Next::Ask if place.has_turn() => {}
                Next::Ask => continue,
                Next::TimedOut => {
                    drop(place);
                    let granted = seen.unwrap_or_else(|| self.refused_unasked(claim));
                    return Err(self.refuse(granted, Exceeded::TimedOut, self.since(arrived)));
                }
            }
            let granted = match self.attempt(claim, paths, arrived).await? {
                Attempt::Held(held) => return Ok(held),
                Attempt::Refused(granted, found) => {
                    obstacle = found;
                    granted
                }
            };
            if obstacle.outlasts(wait.longest.saturating_sub(self.since(arrived))) {
                return Err(self.refuse(granted, Exceeded::Spent, self.since(arrived)));
            }
            seen = Some(granted);
            if obstacle.line != place.line() {
                place = self.stand(claim, &obstacle, Some(place.arrival()), wait)?;
            }
        }
    }

    /// How many wait for what this policy asks of a key; of several rules, where most do.
    #[must_use]
    pub fn waiting(&self, policy: &Policy, key: &Key) -> usize {
        let paths = self.paths_of(&Claim::new(policy, key));
        paths.into_iter().map(|path| self.inner.lines.len(path.line)).max().unwrap_or(0)
    }

    /// How many wait for anything.
    #[must_use]
    pub fn waiting_in_all(&self) -> usize {
        self.inner.lines.waiting()
    }

    /// Whoever waits already has been here for longer.
    pub(super) fn first_occupied(&self, paths: &[Path]) -> Option<u64> {
        paths.iter().map(|path| path.line).find(|line| self.inner.lines.len(*line) > 0)
    }

    /// Tells the observer that a time in line is over.
    pub(super) fn tell_wait(&self, arrived: Nanos, allowed: bool) {
        if let Some(observer) = &self.inner.observer {
            observer.on_wait(&WaitOver { waited: self.since(arrived), allowed });
        }
    }

    fn since(&self, arrived: Nanos) -> Duration {
        self.inner.clock.read(false).monotonic.saturating_sub(arrived).into()
    }

    fn stand(
        &self,
        claim: &Claim,
        obstacle: &Obstacle,
        arrival: Option<u64>,
        wait: Wait,
    ) -> Result<Place, RateLimitExceeded> {
        self.inner
            .lines
            .join(obstacle.line, arrival, wait.rules())
            .map_err(|LineFull| self.refuse(self.refused_unasked(claim), Exceeded::QueueFull, Duration::ZERO))
    }

    /// Asks once. What cannot be mended by waiting is an error.
    async fn attempt(&self, claim: &Claim, paths: &[Path], arrived: Nanos) -> Result<Attempt, RateLimitExceeded> {
        let before = self.under_way_on(paths);
        let granted = match self.ask_claim(claim, Mode::Charge) {
            Reply::Now(granted) => granted,
            Reply::Later(answer) => {
                let unclaimed = Unclaimed { limiter: self.clone(), granted: None };
                let (tell, told) = oneshot::channel::<Unclaimed>();
                // On its own, so that what is granted after this was dropped is given back.
                tokio::spawn(async move {
                    let mut unclaimed = unclaimed;
                    unclaimed.granted = Some(answer.await);
                    let _: Result<(), Unclaimed> = tell.send(unclaimed);
                });
                told.await.ok().and_then(|mut unclaimed| unclaimed.granted.take()).unwrap_or_default()
            }
        };
        if granted.ruling.decision.is_allowed() {
            return Ok(Attempt::Held(self.hold(granted, self.since(arrived))));
        }
        let obstacle = match self.obstacle(paths, &before, &granted) {
            Some(obstacle) if !is_final(&granted.ruling.decision) => obstacle,
            _ => {
                let reason = RateLimitExceeded::reason_of(&granted.ruling.decision);
                return Err(self.refuse(granted, reason, self.since(arrived)));
            }
        };
        Ok(Attempt::Refused(granted, obstacle))
    }

    /// The lines that may move on when charges are given back.
    pub(super) fn lines_of<'a>(&self, charges: impl Iterator<Item = &'a Charged>) -> SmallVec<[u64; 2]> {
        charges.map(|charge| self.line_of(charge)).collect()
    }

    /// Calls those who wait for what was given back. Not before it was: one who comes to wait in
    /// between would miss it.
    #[inline]
    pub(super) fn ring<'a>(&self, charges: impl Iterator<Item = &'a Charged>) {
        if self.inner.lines.waiting() > 0 {
            charges.for_each(|charge| self.inner.lines.ring(self.line_of(charge)));
        }
    }

    fn line_of(&self, charge: &Charged) -> u64 {
        match &charge.subject {
            Subject::Local(line) => *line,
            Subject::Named(named) => self.inner.fingerprints.of(charge.budget, named.key()),
        }
    }
}

enum Attempt {
    Held(Held),
    Refused(Granted, Obstacle),
}

/// What a store granted, until somebody takes it.
struct Unclaimed {
    limiter: Limiter,
    granted: Option<Granted>,
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(mut granted) = self.granted.take() {
            self.limiter.undo(&mut granted.ruling);
        }
    }
}

enum Next {
    Ask,
    TimedOut,
}

/// Waits for a call, for the end of a pause, or for the end of all waiting.
async fn next(place: &Place, mut timeout: Pin<&mut Sleep>, pause: Option<Duration>) -> Next {
    let mut pause = pin!(pause.map(sleep));
    poll_fn(move |cx| {
        if place.poll_called(cx).is_ready() {
            return Poll::Ready(Next::Ask);
        }
        if let Some(pause) = pause.as_mut().as_pin_mut()
            && pause.poll(cx).is_ready()
        {
            return Poll::Ready(Next::Ask);
        }
        timeout.as_mut().poll(cx).map(|()| Next::TimedOut)
    })
    .await
}
