//! Queues: a request that finds no room is held for a while instead of being refused.
//!
//! Each key has a line of its own under each rule with a [`Queue`]. Requests leave it in the order in
//! which they came: only the first asks again, and whoever comes while others wait goes behind them.
//! Nobody polls. The first sleeps until the instant at which the rule said that it would pass, and is
//! woken before that when something is given back: a slot, a charge, the place of a request under way.
//!
//! * **By the deadline.** Nobody is held for longer than [`Queue::max_wait`], and not at all if the
//!   room is known to come later than that.
//! * **In bounded memory.** A line holds so many, and a limiter no more than [`MOST_WAITING`] in all;
//!   who comes then is refused at once.
//! * **Cancelled by dropping.** A client that goes away leaves its place, and the next moves up.
//! * **Refused as ever.** Whoever waited in vain is refused with the numbers of that moment.
//!
//! Slots that another process gives back are not announced here: with a store elsewhere the first of
//! a line looks again after [`LOOK_AGAIN`] at the latest.
//!
//! Waiting needs tokio's timer. Outside of a tokio runtime nobody waits, and refusals are as they are
//! without a queue.

use core::time::Duration;

use crate::time::Nanos;

/// How many requests a limiter holds at most, in all lines together.
pub const MOST_WAITING: usize = 16_384;
/// How long the first of a line waits for a slot that another process may have given back.
pub const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How many requests of a key may wait for a rule, and for how long. Part of a
/// [`Rule`](crate::Rule::queue).
///
/// ```
/// use core::time::Duration;
/// use limiter_core::{Rule, queue::Queue};
///
/// // Eight at a time; up to 32 more wait a quarter of a second for one of them to end.
/// let busy = Rule::concurrent(8).queue(Queue::new(32, Duration::from_millis(250)));
/// // A leaky bucket: one each 100 ms, however they come.
/// let even = Rule::new("10/s".parse()?).queue(Queue::new(20, Duration::from_secs(2)).spaced());
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a rule holds requests by it once it is given to the rule"]
pub struct Queue {
    pub(crate) places: u32,
    pub(crate) max_wait: Nanos,
    pub(crate) spaced: bool,
    /// Waits for requests under way alone, not for the quota to come back.
    pub(crate) outcomes_only: bool,
}

impl Queue {
    /// Up to `places` requests of a key wait, each for `max_wait` at most.
    pub fn new(places: u32, max_wait: Duration) -> Self {
        Queue { places, max_wait: max_wait.into(), spaced: false, outcomes_only: false }
    }

    /// Lets requests through one by one, evenly spaced at the rule's rate, and no burst: the quota's
    /// own burst gives way to the cost of one request. For buckets with a constant cost.
    pub fn spaced(mut self) -> Self {
        self.spaced = true;
        self
    }

    /// How many requests of a key may wait.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.places
    }

    /// How long each waits at most.
    #[must_use]
    pub fn max_wait(&self) -> Duration {
        self.max_wait.into()
    }

    pub(crate) fn for_outcomes(mut self) -> Self {
        self.outcomes_only = true;
        self
    }
}
