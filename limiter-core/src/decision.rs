//! The answer to one request, with all the numbers that anything downstream needs.
//!
//! Headers, callbacks, metrics and violations are views of a [`Decision`]; none of them asks the
//! store again.

use core::fmt;
use core::hash::BuildHasher;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::access::Denied;
use crate::algorithm::{Algorithm, Params, State};
use crate::few::Few;
use crate::store::Subject;
use crate::time::{Nanos, Now};

/// A name that is either part of the program or shared at run time; cheap to clone.
#[derive(Clone)]
pub struct Name(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name that is part of the program.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Name(Repr::Static(name))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Name(Repr::Shared(name.into()))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Name(Repr::Shared(name.into()))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl core::hash::Hash for Name {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is the same in every usage of a rule. Each is kept once, for as long as the process lives, so
/// that a usage points to it and a clone touches no counter that other threads touch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shown {
    pub(crate) name: Name,
    pub(crate) per_client: bool,
    pub(crate) index: u16,
    pub(crate) shadow: bool,
}

impl Shown {
    pub(crate) fn interned(self) -> &'static Self {
        static KEPT: LazyLock<Mutex<HashSet<&'static Shown>>> = LazyLock::new(Mutex::default);
        let mut kept = KEPT.lock();
        if let Some(known) = kept.get(&self) {
            return known;
        }
        let new: &'static Shown = Box::leak(Box::new(self));
        kept.insert(new);
        new
    }
}

/// Who decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// An access list, before any rule: the client is exempt or never gets in.
    AccessList,
    /// The store failed and the rule closes.
    Closed,
    /// The store said before that this cannot pass yet, and that still holds.
    DenialCache,
    /// Units that the store had set aside for this process.
    Lease,
    /// A limiter in this process stood in for the store.
    Local,
    /// The store failed and the rule opens; nothing was counted.
    Open,
    /// The store.
    #[default]
    Store,
}

impl Source {
    /// Whether the numbers are not the store's, because it failed or nobody asked it.
    pub(crate) const fn is_degraded(self) -> bool {
        !matches!(self, Source::Store | Source::DenialCache | Source::Lease)
    }
}

/// What a rule says about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The rule lets the request pass.
    Allowed,
    /// As many requests as may be under way are, and none of them has been settled yet.
    InFlight,
    /// The cost is above what the rule can ever admit.
    NeverFits,
    /// The request lacks the key, and the rule refuses such requests.
    NoKey,
    /// The table of keys is full and the rule turns new keys away.
    NoRoom,
    /// There is something to be had, but for those who wait for it, and no place among them.
    Queued,
    /// The quota is spent.
    Spent,
    /// The store failed and the rule closes.
    StoreFailed,
}

/// One rule's numbers.
#[derive(Clone, Debug)]
pub struct Usage {
    pub(crate) shown: &'static Shown,
    pub(crate) params: Params,
    pub(crate) state: State,
    pub(crate) now: Now,
    pub(crate) cost: u64,
    /// [`Nanos::MAX`] where no time is known; no quota takes that long.
    pub(crate) retry: Nanos,
    pub(crate) outcome: Outcome,
    pub(crate) subject: Subject,
}

impl Usage {
    /// The rule's public name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shown.name.as_str()
    }

    /// The rule's place in its policy.
    #[must_use]
    pub fn index(&self) -> usize {
        usize::from(self.shown.index)
    }

    /// What the rule said. In a refused decision, rules that would have allowed it say so.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether this rule refused. A rule in shadow never does.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        self.outcome != Outcome::Allowed && !self.shown.shadow
    }

    /// Whether the rule is in shadow for this key: counted, told to observers, and not enforced.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shown.shadow
    }

    /// Whether this rule is in shadow and would have refused.
    #[must_use]
    pub fn would_refuse(&self) -> bool {
        self.outcome != Outcome::Allowed && self.shown.shadow
    }

    /// How the rule counts.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.params.algorithm()
    }

    /// Whether the rule limits a client, rather than everybody together.
    #[must_use]
    pub fn is_per_client(&self) -> bool {
        self.shown.per_client
    }

    /// A number that tells one caller's budget from another's, hashed with the secret of `hasher`:
    /// without that secret nobody finds out from it who the caller is.
    #[must_use]
    pub fn partition(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(&self.subject)
    }

    /// Units the request asked for.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// Units that a fresh key can spend at once.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.params.capacity()
    }

    /// Units that would be admitted after this decision.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        match self.outcome {
            // Nothing would be, whatever the quota.
            Outcome::InFlight | Outcome::NoRoom | Outcome::Queued | Outcome::StoreFailed => 0,
            _ => self.params.remaining(self.state, self.now),
        }
    }

    /// Time until the whole quota is back. `None` for concurrent limits.
    #[must_use]
    pub fn reset_after(&self) -> Option<Duration> {
        self.params.reset_after(self.state, self.now).map(Duration::from)
    }

    /// Time until another unit comes back. `None` when the quota is whole, or for concurrent limits.
    #[must_use]
    pub fn next_unit_after(&self) -> Option<Duration> {
        self.params.next_unit_after(self.state, self.now).map(Duration::from)
    }

    /// How long to wait before this cost can pass. `None` when it passed, or when no time is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.wait().map(Duration::from)
    }

    pub(crate) fn wait(&self) -> Option<Nanos> {
        Some(self.retry).filter(|retry| *retry < Nanos::MAX)
    }

    /// Time in which the whole quota comes back once spent. `None` for concurrent limits.
    #[must_use]
    pub fn window(&self) -> Option<Duration> {
        self.params.window().map(Duration::from)
    }
}

/// Allowed or denied, with one [`Usage`] for each rule consulted.
///
/// Durations are relative to the decision; a decision holds no instants.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    pub(crate) allowed: bool,
    pub(crate) source: Source,
    pub(crate) degraded: bool,
    pub(crate) denied: Option<Denied>,
    pub(crate) usages: Few<[Usage; 4]>,
}

impl Decision {
    /// A decision to which no rule applied.
    #[must_use]
    pub fn exempt() -> Self {
        Decision { allowed: true, ..Decision::default() }
    }

    /// Whether the request may pass.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// Who decided.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether something other than the configured store decided.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// Who turned the request away, if it was an access list. No rule was consulted then.
    #[must_use]
    pub fn denied(&self) -> Option<&Denied> {
        self.denied.as_ref()
    }

    /// The rules consulted, in the order of the policy.
    #[must_use]
    pub fn usages(&self) -> &[Usage] {
        &self.usages
    }

    /// The rules that refused.
    pub fn violated(&self) -> impl Iterator<Item = &Usage> {
        self.usages.iter().filter(|usage| usage.is_violated())
    }

    /// The longest wait of the violated rules. `None` when the request passed, when waiting cannot
    /// help (one of the rules can never admit the cost), or when no time is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if self.violated().any(|usage| matches!(usage.outcome, Outcome::NeverFits | Outcome::NoKey)) {
            return None;
        }
        self.violated().filter_map(Usage::retry_after).max()
    }
}
