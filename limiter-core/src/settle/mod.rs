//! Outcomes: a request is charged when it comes and settled when its answer is known.
//!
//! A login page wants to count failures alone, a cache not what it answered itself, a language model
//! the tokens that an answer took. None of this is known when a request is let in. A rule with a
//! [`Settle`] therefore reserves first and settles afterwards; what may pass in between is said by
//! its [`Settling`].
//!
//! # What is promised
//!
//! For a rule of `limit` units whose requests cost 1, in any stretch of time in which the algorithm
//! admits `limit`:
//!
//! | mode | a request under way | counted requests that pass, however many come at once |
//! |---|---|---|
//! | [`Strict`](Settling::Strict) | takes its cost until it is settled | at most `limit` |
//! | [`Wait`](Settling::Wait) | the same, and whoever finds no room waits for those under way | at most `limit` |
//! | [`Lenient`](Settling::Lenient) | takes nothing; it is charged when it is settled | at most `limit - 1 + in_flight` |
//!
//! So of ten good logins at the same moment against three failures a minute, `Strict` lets three in
//! and refuses seven, which may come again as soon as those three have been answered; `Wait` and
//! `Lenient` let all ten in. Lenient requests are counted in each process by itself: with `n`
//! processes at one store it is `limit - 1 + n x in_flight`.
//!
//! A settled cost above the reserved one is charged in full, though nobody was asked: the key is in
//! debt then, and waits for longer. Who may not overshoot reserves the most that a request can cost.
//!
//! What was refused counts nowhere: not here, since nothing was charged, and not when a limit
//! further in refuses what this one let pass, since that gives the whole charge back.
//!
//! # At a store that processes share
//!
//! Whoever waits waits for requests under way in its own process. What any process gives back is free for
//! all of them at once: the store is asked about every request of a rule that settles, even about those
//! that it has just refused.
//!
//! # Plain callers
//!
//! A claim is settled by what [holds](crate::limiter::Held) it: [by a number](crate::limiter::Held::settle), or
//! by [how it went](crate::limiter::Held::succeeded). What is said here of requests and their answers goes
//! for it too.
//!
//! # Requests that nobody settles
//!
//! A request that ends without an answer (the client went away, the handler panicked) counts as it
//! was charged. One that does not end is given up [after a while](Settle::within): the charge stands
//! as if it had counted, or is [given back](Settle::or_give_back), and what is said about it later
//! changes nothing. It is given up when its key is next asked about. If the process dies, the charge
//! stands and wears off as any other.

mod by;
mod handle;
mod open;
mod reservation;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use http::response::Parts;

pub(crate) use by::By;
pub use handle::Settlement;
pub(crate) use open::{Full, OpenRequests, Place};
pub use reservation::Reservation;
pub(crate) use reservation::{Correction, Reserved};

#[cfg(feature = "wait")]
use crate::queue::Queue;
use crate::statuses::Statuses;
use crate::time::Nanos;

/// How long a request may stay unsettled unless a rule says otherwise.
pub const DEFAULT_WITHIN: Duration = Duration::from_secs(300);
/// How many lenient requests of one key may be under way unless a rule says otherwise.
pub const DEFAULT_IN_FLIGHT: u32 = 32;

/// What may pass while requests are under way whose outcome is not known yet. See the
/// [module](self) for what each promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settling {
    /// Requests under way take their cost until they are settled.
    #[default]
    Strict,
    /// As `Strict`, but whoever finds no room waits for those under way instead of being refused.
    #[cfg(feature = "wait")]
    Wait {
        /// So many of one key wait at most.
        places: u32,
        /// For so long at most.
        max_wait: Duration,
    },
    /// Requests under way take nothing, and are charged when they are settled.
    Lenient {
        /// So many of one key at most, in this process.
        in_flight: u32,
    },
}

/// How the charge of a request is settled once its outcome is known. Part of a
/// [`Rule`](crate::Rule::settle).
///
/// ```
/// use limiter_core::{Limiter, Policy, Rule, key::{Global, Key}, settle::Settle, store::Reply};
///
/// let failures = Rule::new("3/min".parse()?).key(Global).settle(Settle::failed());
/// let policy = Policy::new("login", [failures])?;
/// let (limiter, key) = (Limiter::in_memory(), Key::everyone());
///
/// for _ in 0..100 {
///     let Reply::Now(ruling) = limiter.decide_key(&policy, &key, 1) else { unreachable!() };
///     assert!(ruling.decision.is_allowed());
///     ruling.succeeded();
/// }
/// for allowed in [true, true, true, false] {
///     let Reply::Now(ruling) = limiter.decide_key(&policy, &key, 1) else { unreachable!() };
///     assert_eq!(ruling.decision.is_allowed(), allowed);
///     ruling.failed();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a rule settles by it once it is given to the rule"]
pub struct Settle {
    pub(crate) by: By,
    pub(crate) settling: Settling,
    pub(crate) within: Nanos,
    pub(crate) gives_back: bool,
}

impl Settle {
    /// Counts answers of status 400 and above, and requests to which the service failed to answer.
    pub fn failed() -> Self {
        Self::count(Statuses::failed())
    }

    /// Counts answers of a status below 400.
    pub fn success() -> Self {
        Self::count(Statuses::success())
    }

    /// Counts answers of these statuses; all others are given back.
    pub fn count(statuses: Statuses) -> Self {
        Self::new(By::Statuses(statuses))
    }

    /// Counts the answers of which this is true; all others are given back.
    pub fn count_fn(counts: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self::new(By::Counts(Arc::new(counts)))
    }

    /// Takes what the answer is found to cost, instead of what was charged.
    ///
    /// ```
    /// use limiter_core::settle::Settle;
    ///
    /// // A wrong password weighs as much as five right ones.
    /// let settle = Settle::cost_fn(|answer| if answer.status == 401 { 5 } else { 1 });
    /// ```
    pub fn cost_fn(cost: impl Fn(&Parts) -> u32 + Send + Sync + 'static) -> Self {
        Self::new(By::Cost(Arc::new(cost)))
    }

    /// Takes what the handler says by its [`Settlement`], which it may keep for longer than the
    /// answer's head takes: until a stream has ended. If it says nothing, the charge stands.
    pub fn by_handler() -> Self {
        Self::new(By::Handler)
    }

    /// Requests under way take their cost until they are settled. So it is unless stated.
    pub fn strict(mut self) -> Self {
        self.settling = Settling::Strict;
        self
    }

    /// Requests under way take their cost until they are settled, and up to `places` of one key that
    /// find no room wait, `max_wait` at most, for those under way to give theirs back. They do not
    /// wait for the quota to come back by itself: when nothing is under way any more, they are
    /// refused. See [`queue`](crate::queue). A [claim](crate::Limiter::acquire) waits for those under
    /// way alone too, but for as long, and beside as many, as its caller says.
    #[cfg(feature = "wait")]
    pub fn wait(mut self, places: u32, max_wait: Duration) -> Self {
        self.settling = Settling::Wait { places, max_wait };
        self
    }

    /// Requests under way take nothing, and up to `in_flight` (at least 1) of one key are let in while
    /// there is room for one.
    pub fn lenient(mut self, in_flight: u32) -> Self {
        self.settling = Settling::Lenient { in_flight: in_flight.max(1) };
        self
    }

    /// How long a request may stay unsettled; five minutes unless stated. Then the charge stands.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within.into();
        self
    }

    /// Gives the charge of a request back that was not settled in time.
    pub fn or_give_back(mut self) -> Self {
        self.gives_back = true;
        self
    }

    pub(crate) fn is_lenient(&self) -> bool {
        matches!(self.settling, Settling::Lenient { .. })
    }

    /// What may pass while requests are under way.
    #[must_use]
    pub fn settling(&self) -> Settling {
        self.settling
    }

    #[cfg(feature = "wait")]
    pub(crate) fn queue(&self) -> Option<Queue> {
        match self.settling {
            Settling::Wait { places, max_wait } => Some(Queue::new(places, max_wait).for_outcomes()),
            _ => None,
        }
    }

    fn new(by: By) -> Self {
        Settle { by, settling: Settling::Strict, within: DEFAULT_WITHIN.into(), gives_back: false }
    }
}

impl fmt::Debug for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settle")
            .field("by", &self.by)
            .field("settling", &self.settling)
            .field("within", &Duration::from(self.within))
            .field("gives_back", &self.gives_back)
            .finish()
    }
}
