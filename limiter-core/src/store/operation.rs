//! What a store is asked and what it answers: plain data, which can travel to another process.

use core::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use smallvec::SmallVec;

use super::Lease;
use crate::algorithm::{Params, State, Verdict};
use crate::decision::Source;
use crate::key::{Fingerprints, Key};
use crate::rule::AtCeiling;
use crate::time::{Nanos, Now};

/// Who is meant by an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A keyed 64-bit hash of budget and key, good within one process. Two of a million keys meet
    /// with a probability of 2.7e-8.
    Local(u64),
    /// Budget and key in full, for stores that several processes share.
    Named(Arc<Named>),
}

impl Subject {
    /// Budget and key in full.
    #[must_use]
    pub fn named(budget: impl Into<String>, key: Key) -> Self {
        Self::under(&Arc::new(Budget::new(budget.into())), key)
    }

    /// The same where what all keys of the budget have in common is known already.
    #[inline]
    pub(crate) fn under(budget: &Arc<Budget>, key: Key) -> Self {
        let fingerprint = prints().under(budget.start, &key);
        Subject::Named(Arc::new(Named { fingerprint, budget: Arc::clone(budget), key }))
    }
}

/// A budget and a key that mean the same in every process.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// Compared first: it is different for nearly all that differ.
    fingerprint: u64,
    budget: Arc<Budget>,
    key: Key,
}

impl Named {
    /// The budget, in words.
    #[must_use]
    pub fn budget(&self) -> &str {
        &self.budget.words
    }

    #[cfg(feature = "memcached")]
    pub(super) fn begun(&self) -> Option<&super::memcached::Begun> {
        self.budget.begun.as_ref()
    }

    /// Who is meant.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// A number for both, under secrets of this process.
    #[inline]
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// A number for the budget that is the same in every process.
    #[cfg(feature = "redis")]
    pub(crate) fn digest(&self) -> u64 {
        self.budget.digest
    }
}

/// A budget in words, and what follows from them.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) words: String,
    /// What the fingerprints of all its keys have in common.
    start: u128,
    #[cfg(feature = "redis")]
    digest: u64,
    /// How the names of its keys begin, for the limit that it was made for.
    #[cfg(feature = "memcached")]
    begun: Option<super::memcached::Begun>,
}

/// Everything else follows from the words.
impl PartialEq for Budget {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for Budget {}

impl Budget {
    pub(crate) fn new(words: String) -> Self {
        Budget {
            start: prints().start(prints().of_value(&words)),
            #[cfg(feature = "redis")]
            digest: (super::key_text::digest(words.as_bytes()) >> 64) as u64,
            #[cfg(feature = "memcached")]
            begun: None,
            words,
        }
    }

    /// The same where it is known what limit its keys are under.
    #[cfg_attr(not(feature = "memcached"), allow(unused_variables, reason = "only names at Memcached hold the limit"))]
    pub(crate) fn of_limit(words: String, params: &Params) -> Self {
        Budget {
            #[cfg(feature = "memcached")]
            begun: Some(super::memcached::Begun::new(params, &words)),
            ..Self::new(words)
        }
    }
}

/// Secrets of this process: whichever limiter asks, a key has one number.
#[inline]
fn prints() -> &'static Fingerprints {
    static PRINTS: LazyLock<Fingerprints> = LazyLock::new(Fingerprints::new);
    &PRINTS
}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

/// Whether an item takes, asks, or only records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Take the cost if everything passes.
    #[default]
    Charge,
    /// Ask without taking; a refusal counts.
    Peek,
    /// As [`Charge`](Mode::Charge), but what this item itself refuses is counted too, up to the
    /// capacity: the third promise is waived at the rule's wish. A cost above the capacity is not.
    Penalty,
    /// Take the cost if every item lets it pass, those in shadow included; a refusal does not count
    /// against the others.
    Shadow,
}

/// One rule's part of a decision.
#[derive(Clone, Debug)]
pub struct Item {
    /// The budget: equal for all keys of a rule.
    pub budget: u64,
    /// The budget of one key.
    pub subject: Subject,
    /// The quota travels with each operation.
    pub params: Params,
    /// Units.
    pub cost: u64,
    /// Take, ask or record.
    pub mode: Mode,
    /// What to do when there is no room for a new key.
    pub at_ceiling: AtCeiling,
    /// Whether what it takes is settled later, by whichever process took it: what does not fit now may
    /// do so at any moment, so a refusal is not to be remembered.
    pub settles: bool,
}

/// Every applicable rule of one request, decided in one step.
#[derive(Clone, Debug)]
pub struct Decide {
    /// The caller's clock. Stores that several processes share use their own.
    pub now: Now,
    /// The rules.
    pub items: SmallVec<[Item; 2]>,
}

/// What a store says to a [`Decide`].
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// Whether everything passed, and so was charged.
    pub allowed: bool,
    /// One reply for each item, in order.
    pub items: SmallVec<[ItemReply; 2]>,
    /// Who says so: the store itself, or something in this process that knows what it would say.
    pub source: Source,
    /// What keeps the slots of this decision, at stores where slots run out unless they are renewed.
    pub lease: Option<Arc<Lease>>,
    /// When that was, where a store goes by a clock of its own: its reading in terms of the caller's
    /// clock. The states are as of then.
    pub now: Option<Now>,
}

/// What a store says to an [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemReply {
    /// The algorithm's answer.
    pub verdict: Verdict,
    /// The state after the decision, on the caller's clock.
    pub state: State,
    /// Where the state is kept.
    pub place: Place,
}

/// Where the state of a key is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// In a cell of its own.
    #[default]
    Own,
    /// Nowhere: the table is full and the rule turns new keys away.
    NoRoom,
    /// In the cell that new keys share while the table is full.
    Shared,
}

/// A charge that was made, to be settled or released later.
#[derive(Clone, Debug)]
pub struct Charged {
    /// The budget.
    pub budget: u64,
    /// The budget of one key.
    pub subject: Subject,
    /// The quota it was charged under.
    pub params: Params,
    /// Units charged.
    pub cost: u64,
    /// When.
    pub at: Nanos,
    /// When it has worn off by itself: the [`State::fresh_at`] that it left behind. From then on
    /// there is nothing left to give back.
    pub until: Nanos,
    /// Where.
    pub place: Place,
}

impl Item {
    /// What was charged if a store at `now` granted this item by `reply`.
    #[must_use]
    #[inline]
    pub fn charged(&self, reply: &ItemReply, now: Now) -> Charged {
        Charged {
            budget: self.budget,
            subject: self.subject.clone(),
            params: self.params,
            cost: self.cost,
            at: now.monotonic,
            until: reply.state.fresh_at,
            place: reply.place,
        }
    }
}

/// What a store can be asked to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Decide about one request.
    Decide(Decide),
    /// Show the state of keys without touching it, and what a decision about these items would be.
    Inspect(Decide),
    /// Give slots back.
    Release {
        /// The caller's clock.
        now: Now,
        /// The slots.
        charges: SmallVec<[Charged; 2]>,
        /// What kept them, if the decision came with one.
        lease: Option<Arc<Lease>>,
    },
    /// Decide the same several times in a row, in one step. A store need not know this: it is asked
    /// only by what stands before stores that several processes share.
    Repeat {
        /// What to decide.
        decide: Decide,
        /// How many times.
        times: u32,
    },
    /// Forget a key.
    Reset {
        /// Whose budgets.
        charges: SmallVec<[Charged; 2]>,
    },
    /// Change charges after the fact.
    Settle {
        /// The caller's clock.
        now: Now,
        /// Each charge with the units to add, or to give back if negative.
        charges: SmallVec<[(Charged, i64); 2]>,
    },
}

/// What a store answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Operation::Decide`] and [`Operation::Inspect`].
    Decided(Decided),
    /// To [`Operation::Repeat`]. Apart, since every answer is as large as the largest.
    Repeated(Box<Repeated>),
    /// To the others.
    Done,
}

/// What several equal decisions came to.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// How many were allowed: all, or those before the first refusal.
    pub granted: u32,
    /// The last of those, if any.
    pub allowed: Option<Decided>,
    /// What the rest were told, if any were refused.
    pub refused: Option<Decided>,
}

impl From<Repeated> for Answer {
    fn from(repeated: Repeated) -> Self {
        Answer::Repeated(Box::new(repeated))
    }
}
