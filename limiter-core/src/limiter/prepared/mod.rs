//! A policy as one limiter carries it out: overrides applied, budgets numbered.

mod tier;

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::sync::Arc;

use super::Limiter;
use super::enforcement::{Enforcement, Switches};
use crate::algorithm::{Algorithm, Params};
use crate::decision::{Name, Shown};
use crate::event::Warning;
use crate::key::{Key, KeySource, Missing, Plain};
use crate::policy::{Policy, PolicyError, PolicyRule, overridden};
#[cfg(feature = "wait")]
use crate::queue::Queue;
use crate::quota::Quota;
use crate::rule::{AtCeiling, Cost, Limit, MethodClass, OnStoreError, QuotaFn, Rule};
use crate::settle::Settle;
use crate::store::memory::Single;
use crate::store::{Budget, Capabilities, Mode};
pub(super) use tier::Tier;
use tier::shape;

pub(crate) struct Prepared {
    pub(in crate::limiter) rules: Vec<PreparedRule>,
    /// Where it was declared.
    pub(in crate::limiter) policy: Name,
    /// Whether there is one rule, in force and for everybody, whose requests are done with when they
    /// are decided about.
    alone: AtomicBool,
    /// Whether there are two such rules, and neither holds slots.
    paired: AtomicBool,
    /// Of reads and of writes: the one rule that counts them, if the short way leads to it. Its index and one more;
    /// otherwise 0.
    plain: [AtomicU8; 2],
    /// Whether this limiter has a short way: a store in this process, and nobody who looks at whole requests.
    short: bool,
    /// Whether some rule counts by the wall clock.
    pub(in crate::limiter) wall: bool,
    /// Whether some rule settles by outcome or holds requests.
    pub(in crate::limiter) outlasts: bool,
    /// Whether some rule holds requests.
    pub(in crate::limiter) holds: bool,
}

pub(in crate::limiter) struct PreparedRule {
    pub(in crate::limiter) index: u16,
    pub(in crate::limiter) shown: &'static Shown,
    /// The same, of a usage that is not enforced.
    pub(in crate::limiter) shown_in_shadow: &'static Shown,
    /// What the rule declares.
    declared: Enforcement,
    /// For whom it is enforced, as [`Enforcement::bits`].
    enforced: AtomicU16,
    /// Budget in words, for stores that several processes share.
    identity: Arc<Budget>,
    pub(in crate::limiter) budget: u64,
    /// The budget as fingerprints begin with it.
    pub(in crate::limiter) start: u128,
    pub(in crate::limiter) params: Params,
    /// An override lifted the rule.
    pub(in crate::limiter) lifted: bool,
    pub(in crate::limiter) key: Arc<dyn KeySource>,
    /// The key, where it takes no source to read it, nothing of the rule is worked out from a whole request, and
    /// nothing is held.
    pub(in crate::limiter) plain: Option<Plain>,
    /// Whether that is the address of the peer, whatever a request says.
    pub(in crate::limiter) by_peer: bool,
    /// What a request takes, where that is not worked out from it.
    pub(in crate::limiter) constant_cost: u64,
    /// How a charge is asked of the store.
    charged_by: Mode,
    pub(in crate::limiter) missing: Missing,
    pub(in crate::limiter) cost: Cost,
    pub(in crate::limiter) settle: Option<Arc<Settle>>,
    #[cfg(feature = "wait")]
    pub(in crate::limiter) queue: Option<Queue>,
    /// The burst that even spacing leaves.
    spacing: Option<u32>,
    /// What says each caller's quota.
    pub(in crate::limiter) tiers: Option<QuotaFn>,
    /// The quota as declared; slots have none.
    quota: Option<Quota>,
    pub(in crate::limiter) class: MethodClass,
    pub(in crate::limiter) on_store_error: OnStoreError,
    pub(in crate::limiter) at_ceiling: AtCeiling,
}

impl Prepared {
    pub(in crate::limiter) fn new(limiter: &Limiter, policy: &Policy) -> Result<Self, PolicyError> {
        let capabilities = limiter.inner.store.capabilities();
        let mut rules: Vec<PreparedRule> = Vec::new();
        for (index, declared) in policy.rules().iter().enumerate() {
            let algorithm = declared.params.algorithm();
            if !capabilities.algorithms().contains(&algorithm) {
                let what = format!("count by algorithm `{algorithm}`");
                return Err(PolicyError::Unsupported { name: declared.name.clone(), what });
            }
            if declared.rule.penalty && !capabilities.penalties() {
                let what = "count refused requests".to_owned();
                return Err(PolicyError::Unsupported { name: declared.name.clone(), what });
            }
            if index >= capabilities.rules_per_decision() {
                let what = format!("decide about more than {index} rules at once");
                return Err(PolicyError::Unsupported { name: declared.name.clone(), what });
            }
            if let Some(what) = lacks(&capabilities, declared, rules.first()) {
                return Err(PolicyError::Unsupported { name: declared.name.clone(), what });
            }
            let prepared = rule(limiter, policy, declared, index);
            let (capacity, most) = (prepared.params.capacity(), capabilities.most(algorithm));
            if capacity > most {
                let what = format!("count {capacity} units by algorithm `{algorithm}`; accepted: up to {most}");
                return Err(PolicyError::Unsupported { name: declared.name.clone(), what });
            }
            rules.push(prepared);
        }
        let wall = rules.iter().any(|rule| rule.params.needs_wall());
        let holds = rules.iter().any(PreparedRule::holds);
        let outlasts = holds || rules.iter().any(|rule| rule.settle.is_some());
        let prepared = Prepared {
            rules,
            policy: policy.identity().into(),
            alone: AtomicBool::new(false),
            paired: AtomicBool::new(false),
            plain: Default::default(),
            short: limiter.memory().is_some() && limiter.inner.observer.is_none() && limiter.inner.access.is_none(),
            wall,
            outlasts,
            holds,
        };
        prepared.switch(&limiter.inner.switches.lock());
        Ok(prepared)
    }

    /// Takes up what was switched. The swift ways are for rules that are enforced for everybody: there
    /// a rule in shadow costs nothing where there is none.
    pub(in crate::limiter) fn switch(&self, switches: &Switches) {
        let mut full = true;
        for rule in &self.rules {
            let enforced = switches.of(rule.shown.name.as_str(), rule.declared);
            full &= enforced.is_full();
            rule.enforced.store(enforced.bits(), Ordering::Relaxed);
        }
        let in_force = full && !self.outlasts && !self.rules.iter().any(|rule| rule.lifted);
        let slots = |rule: &PreparedRule| rule.params.algorithm() == Algorithm::Concurrent;
        self.alone.store(in_force && self.rules.len() == 1, Ordering::Relaxed);
        let paired = in_force && self.rules.len() == 2 && !self.rules.iter().any(slots);
        self.paired.store(paired, Ordering::Relaxed);
        for (class, plain) in [MethodClass::Read, MethodClass::Write].into_iter().zip(&self.plain) {
            let mut counting = self.rules.iter().filter(|rule| rule.class.counts(class));
            let only = match (counting.next(), counting.next()) {
                (Some(rule), None) if in_force && self.short && rule.plain.is_some() => rule.shown.index + 1,
                _ => 0,
            };
            plain.store(u8::try_from(only).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// The one rule that counts requests of a class, which is not [`MethodClass::Any`], if the short way leads to it.
    #[inline]
    pub(in crate::limiter) fn plain(&self, class: MethodClass) -> Option<&PreparedRule> {
        let [reads, writes] = &self.plain;
        let which = if class == MethodClass::Read { reads } else { writes };
        self.rules.get(usize::from(which.load(Ordering::Relaxed)).wrapping_sub(1))
    }

    /// The rule, where there is no other.
    #[inline]
    pub(in crate::limiter) fn only(&self) -> Option<&PreparedRule> {
        if self.alone.load(Ordering::Relaxed) { self.rules.first() } else { None }
    }

    /// The rules, where there are two and neither holds slots.
    #[inline]
    pub(in crate::limiter) fn pair(&self) -> Option<[&PreparedRule; 2]> {
        match self.rules.as_slice() {
            [first, second] if self.paired.load(Ordering::Relaxed) => Some([first, second]),
            _ => None,
        }
    }
}

/// What a store lacks that keeps its state elsewhere, or counts by numbers of a certain size.
fn lacks(capabilities: &Capabilities, declared: &PolicyRule, first: Option<&PreparedRule>) -> Option<String> {
    if !capabilities.counts(&declared.params) {
        return Some("count so large a capacity or so long a period exactly".to_owned());
    }
    if declared.rule.lease.is_some() && !capabilities.is_local() {
        return Some(
            "end the lease of a holder who lives: it renews leases for as long as the holder's process does; \
             leave `lease` out, and set how long a lease lasts on the store"
                .to_owned(),
        );
    }
    let key = &declared.rule.key;
    if capabilities.is_one_principal()
        && let Some(first) = first
        && first.key.describe() != key.describe()
    {
        let (one, other) = (first.key.describe(), key.describe());
        return Some(format!(
            "decide about the keys `{one}` and `{other}` at once, since they live on different servers; \
             give the rules one key, declare two policies, or choose a shared tag for the store"
        ));
    }
    if key.is_secret() && !capabilities.is_local() && !hashes_alike() {
        return Some(format!(
            "tell the secrets of the key `{}` apart in every process alike; set `fleet_secret` before anything else",
            key.describe()
        ));
    }
    None
}

/// Whether every process of the fleet makes the same hash of a secret.
fn hashes_alike() -> bool {
    #[cfg(feature = "fleet")]
    return crate::key::has_fleet_secret();
    #[cfg(not(feature = "fleet"))]
    return false;
}

fn rule(limiter: &Limiter, policy: &Policy, declared: &PolicyRule, index: usize) -> PreparedRule {
    let (params, lifted) = quota_of(limiter, declared);
    // The declared quota, not the one in force: an override keeps what was used. The period is part
    // of the identity, since a count means nothing in a window of another length.
    let shape = shape(&params);
    // In words, the budget is known by where it is declared, so that a fleet agrees on it. Within
    // this process two policies made apart are kept apart even if they are called the same.
    let (identity, apart) = match &declared.rule.scope {
        Some(scope) => {
            // Slots are slots, whoever counts how many: concurrent limits may share them.
            let is_rate = declared.params.algorithm() != Algorithm::Concurrent;
            let capacity = if is_rate { declared.params.capacity() } else { 0 };
            let quota = limiter.inner.fingerprints.of_value(&(capacity, &shape));
            let first = *limiter.inner.scopes.entry(scope.as_str().to_owned()).or_insert(quota);
            if first != quota {
                limiter.warn(Warning::ScopeQuotas { scope: scope.clone() });
            }
            (format!("scope {scope} {capacity} {shape:?}"), None)
        }
        None => (format!("policy {} {index} {shape:?}", policy.identity()), Some(policy.index())),
    };
    let budget = limiter.inner.fingerprints.of_value(&(&identity, apart));
    let shown = Shown {
        name: declared.name.clone(),
        per_client: declared.rule.key.is_per_client(),
        index: u16::try_from(index).unwrap_or(u16::MAX),
        shadow: false,
    };
    let plain = plain(&declared.rule, &params);
    PreparedRule {
        shown_in_shadow: Shown { shadow: true, ..shown.clone() }.interned(),
        index: shown.index,
        shown: shown.interned(),
        declared: if declared.rule.shadow { Enforcement::SHADOW } else { Enforcement::FULL },
        enforced: AtomicU16::new(Enforcement::FULL.bits()),
        budget,
        start: limiter.inner.fingerprints.start(budget),
        identity: Arc::new(Budget::of_limit(identity, &params)),
        params,
        lifted,
        key: Arc::clone(&declared.rule.key),
        plain,
        by_peer: matches!(plain, Some(Plain::Client(_))) && !limiter.inner.client_ip.reads_header(),
        constant_cost: declared.rule.cost.constant(),
        charged_by: match &declared.rule.settle {
            Some(settle) if settle.is_lenient() => Mode::Peek,
            None if declared.rule.penalty => Mode::Penalty,
            _ => Mode::Charge,
        },
        missing: declared.rule.missing,
        cost: declared.rule.cost.clone(),
        settle: declared.rule.settle.clone(),
        #[cfg(feature = "wait")]
        queue: declared.rule.queue_in_force(),
        spacing: declared.rule.spacing(),
        tiers: declared.rule.quota_fn.clone(),
        quota: declared_quota(declared),
        class: declared.rule.class,
        on_store_error: declared.rule.on_store_error,
        at_ceiling: declared.rule.at_ceiling,
    }
}

fn plain(rule: &Rule, params: &Params) -> Option<Plain> {
    let is_constant = rule.quota_fn.is_none() && matches!(rule.cost, Cost::Fixed(_));
    rule.key.plain().filter(|_| is_constant && params.algorithm() != Algorithm::Concurrent)
}

impl PreparedRule {
    /// This rule's part of a decision, for a store in this process.
    #[inline(always)]
    pub(in crate::limiter) fn single<'a>(
        &self,
        params: &'a Params,
        budget: u64,
        fingerprint: u64,
        cost: u64,
        mode: Mode,
    ) -> Single<'a> {
        let mode = if mode == Mode::Charge { self.charged_by } else { mode };
        Single { budget, fingerprint, params, cost, mode, at_ceiling: self.at_ceiling }
    }

    /// The same of a rule that the short way leads to.
    #[inline(always)]
    pub(in crate::limiter) fn plain_single(&self, fingerprint: u64) -> Single<'_> {
        let (budget, params, cost, mode) = (self.budget, &self.params, self.constant_cost, self.charged_by);
        Single { budget, fingerprint, params, cost, mode, at_ceiling: self.at_ceiling }
    }

    /// For whom the rule is enforced.
    #[inline]
    pub(in crate::limiter) fn enforcement(&self) -> Enforcement {
        Enforcement::from_bits(self.enforced.load(Ordering::Relaxed))
    }

    /// Whether the rule is not enforced for a key.
    #[inline]
    pub(in crate::limiter) fn is_shadow_for(&self, key: &Key) -> bool {
        let enforced = self.enforcement();
        !enforced.is_full() && !enforced.includes(self.shown.name.as_str(), key)
    }

    /// How the rule's cost is asked of a store, if `mode` is what the caller wants. In shadow the cost
    /// is taken at once even if it is settled later: a question that is refused would keep the other
    /// rules from being charged.
    #[inline]
    pub(in crate::limiter) fn mode(&self, mode: Mode, shadow: bool) -> Mode {
        match mode {
            Mode::Charge if shadow => Mode::Shadow,
            Mode::Charge => self.charged_by,
            mode => mode,
        }
    }

    #[cfg(feature = "wait")]
    fn holds(&self) -> bool {
        self.queue.is_some()
    }

    #[cfg(not(feature = "wait"))]
    fn holds(&self) -> bool {
        false
    }
}

fn declared_quota(declared: &PolicyRule) -> Option<Quota> {
    match declared.rule.limit {
        Limit::Rate(quota) => Some(quota),
        Limit::Concurrent(_) => None,
    }
}

fn quota_of(limiter: &Limiter, declared: &PolicyRule) -> (Params, bool) {
    let unlimited = matches!(declared.rule.limit, Limit::Rate(quota) if quota.is_unlimited());
    let Some(quota) = limiter.inner.overrides.get(declared.name.as_str()) else {
        return (declared.params, unlimited);
    };
    if quota.is_unlimited() {
        return (declared.params, true);
    }
    match overridden(declared, *quota) {
        Ok(params) => (params, false),
        Err(error) => {
            // The declared quota still limits: a mistake here never opens the door.
            limiter.warn(Warning::Override { reason: error.to_string() });
            (declared.params, unlimited)
        }
    }
}
