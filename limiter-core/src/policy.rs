//! A policy: the rules that apply to one route or group. All must pass; all or none are charged.

use core::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::algorithm::{Algorithm, Mismatch, Params};
use crate::decision::Name;
use crate::limiter::Prepared;
use crate::quota::Quota;
use crate::rule::{Cost, Limit, MethodClass, Rule};
use crate::time::Nanos;

/// The most rules that one policy holds.
pub const MOST_RULES: usize = 16;

/// The rules that apply to one route or group, checked and ready to be used with any limiter.
///
/// Clones share their budgets; two policies made apart do not, unless their rules name a scope.
///
/// ```
/// use limiter_core::{Policy, Rule};
///
/// let policy = Policy::new("search", [
///     Rule::new("10/s burst 20".parse()?),
///     Rule::new("1000/h".parse()?),
/// ])?;
/// assert_eq!(policy.rule_names().collect::<Vec<_>>(), ["search", "search-2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Policy {
    inner: Arc<Inner>,
}

struct Inner {
    index: u32,
    identity: Name,
    rules: Vec<PolicyRule>,
    /// What the first limiter made of it, under that limiter's number.
    prepared: OnceLock<(u64, Arc<Prepared>)>,
}

/// A checked rule with its names settled.
#[derive(Clone, Debug)]
pub(crate) struct PolicyRule {
    pub(crate) rule: Rule,
    pub(crate) name: Name,
    pub(crate) params: Params,
}

/// Policies are numbered as they are made, so that a limiter finds what it knows of one by index.
static NEXT: AtomicU32 = AtomicU32::new(0);

impl Policy {
    /// Checks rules and puts them together. Rules without a name get `name`, with `-read` or
    /// `-write` for the class they count, and a number from the second of the same name on.
    /// Rules whose quota is `unlimited` are left out.
    ///
    /// # Errors
    ///
    /// When there are more than [`MOST_RULES`] rules, two share a name, a name cannot go on the wire,
    /// a quota does not fit its algorithm, a constant cost can never pass, or callers could get
    /// around the limit by choosing another key.
    pub fn new(name: impl Into<Name>, rules: impl IntoIterator<Item = Rule>) -> Result<Self, PolicyError> {
        let name = name.into();
        Self::identified(name.clone(), name, rules)
    }

    /// As [`Policy::new`], with an identity apart from the public name: the place of declaration.
    ///
    /// # Errors
    ///
    /// As [`Policy::new`].
    pub fn identified(
        identity: impl Into<Name>,
        name: impl Into<Name>,
        rules: impl IntoIterator<Item = Rule>,
    ) -> Result<Self, PolicyError> {
        let (identity, name) = (identity.into(), name.into());
        let mut checked: Vec<PolicyRule> = Vec::new();
        for rule in rules {
            if matches!(rule.limit, Limit::Rate(quota) if quota.is_unlimited()) && rule.quota_fn.is_none() {
                continue;
            }
            let public = public_name(&rule, &name, &checked);
            checked.push(check(rule, public, &checked)?);
        }
        if checked.len() > MOST_RULES {
            return Err(PolicyError::TooManyRules { found: checked.len() });
        }
        companion(&checked)?;
        let index = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Policy { inner: Arc::new(Inner { index, identity, rules: checked, prepared: OnceLock::new() }) })
    }

    /// The public names of the rules, in order.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.inner.rules.iter().map(|rule| rule.name.as_str())
    }

    /// The limits of the rules as declared, in order: whatever can be said of them before there is a request.
    pub fn declared(&self) -> impl Iterator<Item = Declared<'_>> {
        self.inner.rules.iter().map(|rule| Declared { name: rule.name.as_str(), params: &rule.params })
    }

    /// The place of declaration.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.inner.identity.as_str()
    }

    pub(crate) fn rules(&self) -> &[PolicyRule] {
        &self.inner.rules
    }

    pub(crate) fn index(&self) -> u32 {
        self.inner.index
    }

    /// What this limiter made of it, if that was the first.
    #[inline]
    pub(crate) fn prepared_by(&self, limiter: u64) -> Option<&Prepared> {
        match self.inner.prepared.get() {
            Some((by, prepared)) if *by == limiter => Some(prepared),
            _ => None,
        }
    }

    /// Keeps what a limiter made of it, unless another was first.
    pub(crate) fn keep(&self, limiter: u64, prepared: &Arc<Prepared>) {
        let _ = self.inner.prepared.set((limiter, Arc::clone(prepared)));
    }
}

/// The limit of one rule as declared. A limiter may put another quota in its place, and a rule may
/// have one for each caller.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'p> {
    name: &'p str,
    params: &'p Params,
}

impl<'p> Declared<'p> {
    /// The rule's public name.
    #[must_use]
    pub fn name(&self) -> &'p str {
        self.name
    }

    /// How the rule counts.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.params.algorithm()
    }

    /// Units that a fresh key can spend at once.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.params.capacity()
    }

    /// Time in which the whole quota comes back once spent. `None` for concurrent limits.
    #[must_use]
    pub fn window(&self) -> Option<Duration> {
        self.params.window().map(Duration::from)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("identity", &self.inner.identity).field("rules", &self.inner.rules).finish()
    }
}

fn public_name(rule: &Rule, policy: &Name, earlier: &[PolicyRule]) -> Name {
    if let Some(name) = &rule.name {
        return name.clone();
    }
    let base = format!("{policy}{}", rule.class.suffix());
    let taken = |name: &str| earlier.iter().any(|rule| rule.name.as_str() == name);
    if !taken(&base) {
        return base.into();
    }
    let mut number = 2u32;
    loop {
        let name = format!("{base}-{number}");
        if !taken(&name) {
            return name.into();
        }
        number += 1;
    }
}

fn check(rule: Rule, name: Name, earlier: &[PolicyRule]) -> Result<PolicyRule, PolicyError> {
    if !is_wire_name(name.as_str()) {
        return Err(PolicyError::Name { name });
    }
    if earlier.iter().any(|other| other.name == name) {
        return Err(PolicyError::DuplicateName { name });
    }
    let params = params_of(&rule, rule.limit)
        .map_err(|mismatch| PolicyError::Quota { name: name.clone(), mismatch })?
        .leased(rule.lease.unwrap_or_default());
    if let Cost::Fixed(cost) = rule.cost
        && params.capacity() > 0
        && u64::from(cost) > params.capacity()
    {
        return Err(PolicyError::Cost { name, cost, capacity: params.capacity() });
    }
    let mismatch = if rule.lease == Some(Nanos::ZERO) {
        Some(Mismatch::LeaseOfNoTime)
    } else if params.algorithm() != Algorithm::Concurrent {
        let penalty = (rule.penalty && rule.settle.is_some()).then_some(Mismatch::PenaltyOnSettled);
        rule.lease.map(|_| Mismatch::LeaseOnRate).or(penalty)
    } else if rule.penalty {
        Some(Mismatch::PenaltyOnConcurrent)
    } else if rule.quota_fn.is_some() {
        Some(Mismatch::QuotaOnConcurrent)
    } else if rule.settle.is_some() {
        Some(Mismatch::SettleOnConcurrent)
    } else {
        None
    };
    if let Some(mismatch) = mismatch {
        return Err(PolicyError::Quota { name, mismatch });
    }
    if params.algorithm() == Algorithm::Concurrent && params.capacity() == 0 {
        return Err(PolicyError::NoSlots { name });
    }
    Ok(PolicyRule { rule, name, params })
}

fn params_of(rule: &Rule, limit: Limit) -> Result<Params, Mismatch> {
    match limit {
        Limit::Concurrent(_) if rule.is_spaced() => Err(Mismatch::SpacedWithoutRate),
        Limit::Concurrent(limit) => Ok(Params::concurrent(limit)),
        Limit::Rate(_) if rule.is_spaced() && (rule.algorithm != Algorithm::Bucket || rule.spacing().is_none()) => {
            Err(Mismatch::SpacedWithoutRate)
        }
        Limit::Rate(quota) => Params::new(rule.algorithm, spaced(quota, rule.spacing())?),
    }
}

/// A quota whose burst is one request, where requests are evenly spaced.
pub(crate) fn spaced(quota: Quota, spacing: Option<u32>) -> Result<Quota, Mismatch> {
    match spacing {
        Some(cost) if quota.count() > 0 && !quota.is_unlimited() => {
            quota.with_burst(u64::from(cost)).map_err(|_| Mismatch::SpacedWithoutRate)
        }
        _ => Ok(quota),
    }
}

/// A key that callers choose freely is no limit by itself: whoever rotates it goes free. It needs
/// a rule by address that counts the same requests, or the owner's word that it was checked.
fn companion(rules: &[PolicyRule]) -> Result<(), PolicyError> {
    for chosen in rules.iter().filter(|rule| rule.rule.key.is_caller_chosen() && !rule.rule.trusted_key) {
        let covered = |class: MethodClass| {
            rules.iter().any(|rule| rule.rule.key.is_client_address() && rule.rule.class.counts(class))
        };
        let classes: &[MethodClass] = match chosen.rule.class {
            MethodClass::Any => &[MethodClass::Read, MethodClass::Write],
            MethodClass::Read => &[MethodClass::Read],
            MethodClass::Write => &[MethodClass::Write],
        };
        if !classes.iter().all(|class| covered(*class)) {
            return Err(PolicyError::RotatableKey { name: chosen.name.clone(), key: chosen.rule.key.describe() });
        }
    }
    Ok(())
}

fn is_wire_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~:/-".contains(&b))
}

/// Rules that do not make a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// A constant cost above the capacity.
    Cost {
        /// The rule.
        name: Name,
        /// Its cost.
        cost: u32,
        /// What it can admit at most.
        capacity: u64,
    },
    /// Two rules of the same name.
    DuplicateName {
        /// The name.
        name: Name,
    },
    /// A key notation that does not parse.
    Key(crate::key::KeyError),
    /// A name that cannot go on the wire.
    Name {
        /// The name.
        name: Name,
    },
    /// A concurrent limit of 0.
    NoSlots {
        /// The rule.
        name: Name,
    },
    /// A quota notation that does not parse.
    Notation(crate::quota::NotationError),
    /// A quota that does not fit its algorithm.
    Quota {
        /// The rule.
        name: Name,
        /// Why.
        mismatch: Mismatch,
    },
    /// A key that callers choose, without a rule by address beside it.
    RotatableKey {
        /// The rule.
        name: Name,
        /// Its key.
        key: String,
    },
    /// A notation of statuses that does not parse.
    Statuses(crate::statuses::StatusesError),
    /// More rules than one policy holds.
    TooManyRules {
        /// How many.
        found: usize,
    },
    /// The store cannot count this rule, or not together with the others.
    Unsupported {
        /// The rule.
        name: Name,
        /// What the store lacks.
        what: String,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyError::Cost { name, cost, capacity } => {
                write!(
                    f,
                    "rule `{name}`: a cost of {cost} can never pass, since the capacity is {capacity}; accepted: 0 to {capacity}"
                )
            }
            PolicyError::DuplicateName { name } => {
                write!(f, "two rules are named `{name}`; each rule of a policy needs a name of its own")
            }
            PolicyError::Key(error) => error.fmt(f),
            PolicyError::Name { name } => {
                write!(f, "`{name}` cannot be a rule's name; accepted: 1 to 64 of A-Z a-z 0-9 . _ ~ : / -")
            }
            PolicyError::NoSlots { name } => {
                write!(f, "rule `{name}`: a concurrent limit of 0 admits nothing; accepted: 1 or more")
            }
            PolicyError::Notation(error) => error.fmt(f),
            PolicyError::Quota { name, mismatch } => write!(f, "rule `{name}`: {mismatch}"),
            PolicyError::RotatableKey { name, key } => write!(
                f,
                "rule `{name}`: callers choose the key `{key}` and can rotate it to get around the limit; \
                 add a rule by `ip` beside it, or say `trusted_key` if something in front has checked it"
            ),
            PolicyError::Statuses(error) => error.fmt(f),
            PolicyError::TooManyRules { found } => write!(f, "a policy of {found} rules; accepted: up to {MOST_RULES}"),
            PolicyError::Unsupported { name, what } => write!(f, "rule `{name}`: the store cannot {what}"),
        }
    }
}

impl std::error::Error for PolicyError {}

impl From<crate::key::KeyError> for PolicyError {
    fn from(error: crate::key::KeyError) -> Self {
        PolicyError::Key(error)
    }
}

impl From<crate::statuses::StatusesError> for PolicyError {
    fn from(error: crate::statuses::StatusesError) -> Self {
        PolicyError::Statuses(error)
    }
}

impl From<crate::quota::NotationError> for PolicyError {
    fn from(error: crate::quota::NotationError) -> Self {
        PolicyError::Notation(error)
    }
}

/// A quota by another name: what an override puts in a rule's place.
pub(crate) fn overridden(rule: &PolicyRule, quota: Quota) -> Result<Params, PolicyError> {
    params_of(&rule.rule, Limit::Rate(quota))
        .map_err(|mismatch| PolicyError::Quota { name: rule.name.clone(), mismatch })
}
