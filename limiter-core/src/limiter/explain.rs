//! Ask and act: which rules there are, how a key stands with each of them and why, and a fresh start.
//! Asking charges nothing.

use core::fmt;
use std::sync::Arc;

use super::decide::questions;
use super::prepared::{Prepared, PreparedRule};
use super::ruling::usage;
use super::{Enforcement, Limiter, StoreHandle};
use crate::algorithm::Algorithm;
use crate::decision::{Name, Usage};
use crate::key::Key;
use crate::policy::{Policy, PolicyError};
use crate::store::{Answer, Mode, Operation, Reply, Store, StoreError};

/// A rule that a limiter has met.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuleInfo {
    /// The policy that it is part of: the place of declaration.
    pub policy: Name,
    /// Its public name.
    pub name: Name,
    /// How it counts.
    pub algorithm: Algorithm,
    /// Units that a fresh key can spend at once.
    pub limit: u64,
    /// What keys are made of, such as `ip`.
    pub key: String,
    /// For whom it is enforced.
    pub enforcement: Enforcement,
    /// Whether an override lifted it.
    pub lifted: bool,
}

/// How a key stands with the rules of a policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The policy.
    pub policy: Name,
    /// Whether a request would pass all rules that are enforced.
    pub allowed: bool,
    /// One entry for each rule in force.
    pub rules: Vec<Explained>,
}

/// How a key stands with one rule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explained {
    /// The numbers, as a decision would have them.
    pub usage: Usage,
    /// What keys are made of.
    pub key: String,
    /// For whom the rule is enforced.
    pub enforcement: Enforcement,
}

impl Limiter {
    /// The rules of every policy that this limiter has met.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleInfo> {
        let info = |prepared: &Prepared, rule: &PreparedRule| RuleInfo {
            policy: prepared.policy.clone(),
            name: rule.shown.name.clone(),
            algorithm: rule.params.algorithm(),
            limit: rule.params.capacity(),
            key: rule.key.describe(),
            enforcement: rule.enforcement(),
            lifted: rule.lifted,
        };
        let known = self.inner.prepared.iter().flatten();
        known.flat_map(|prepared| prepared.rules.iter().map(move |rule| info(prepared, rule))).collect()
    }

    /// How a key stands with every rule of a policy, and what would become of its next request. Nothing
    /// is charged, and no observer is told.
    ///
    /// ```
    /// use limiter_core::{Limiter, Policy, Reply, Rule, key::Key};
    ///
    /// let limiter = Limiter::in_memory();
    /// let policy = Policy::new("login", [Rule::new("1/min".parse()?)])?;
    /// let _ = limiter.check(&policy, &Key::from(7u64));
    /// let Reply::Now(found) = limiter.explain(&policy, &Key::from(7u64))? else { unreachable!() };
    /// assert!(found?.to_string().starts_with("login: would refuse\n  login by ip: refuses, 0 of 1 left"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the store cannot count a rule of the policy; and later, when it does not answer.
    pub fn explain(&self, policy: &Policy, key: &Key) -> Result<Reply<Result<Explanation, StoreError>>, PolicyError> {
        self.prepared(policy).map_err(Clone::clone)?;
        match self.inner.prepared.get(policy.index()) {
            Some(Ok(prepared)) => Ok(self.explain_prepared(prepared, key)),
            Some(Err(error)) => Err(error.clone()),
            None => Err(PolicyError::TooManyRules { found: usize::MAX }),
        }
    }

    /// As [`explain`](Self::explain), with every policy that this limiter has met: for whoever has a
    /// client's key and a question.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn explain_everywhere(&self, key: &Key) -> Result<Vec<Explanation>, StoreError> {
        let known: Vec<Arc<Prepared>> = self.inner.prepared.iter().flatten().cloned().collect();
        let mut all = Vec::new();
        for prepared in &known {
            all.push(match self.explain_prepared(prepared, key) {
                Reply::Now(found) => found?,
                Reply::Later(found) => found.await?,
            });
        }
        Ok(all)
    }

    /// Forgets what a key has used under every rule of every policy that this limiter has met. Slots
    /// are held, not used: they stay.
    pub fn reset_everywhere(&self, key: &Key) {
        self.inner.prepared.iter().flatten().for_each(|prepared| self.reset_prepared(prepared, key));
    }

    fn explain_prepared(&self, prepared: &Arc<Prepared>, key: &Key) -> Reply<Result<Explanation, StoreError>> {
        let asked = questions(prepared, key, None);
        let op = self.operation(prepared, &asked, Mode::Peek);
        let reply = match &self.inner.store {
            StoreHandle::Memory(store) => store.submit(Operation::Inspect(op.clone())),
            StoreHandle::Other(store) => store.submit(Operation::Inspect(op.clone())),
        };
        let prepared = Arc::clone(prepared);
        let explained = move |answer: Result<Answer, StoreError>| {
            let decided = match answer? {
                Answer::Decided(decided) if decided.items.len() == op.items.len() => decided,
                _ => return Err(StoreError::unsupported()),
            };
            let mut found = Explanation { policy: prepared.policy.clone(), allowed: true, rules: Vec::new() };
            for ((one, item), reply) in asked.iter().zip(&op.items).zip(&decided.items) {
                let Some(rule) = prepared.rules.get(one.rule) else { continue };
                let now = decided.now.unwrap_or(op.now);
                let mut usage = usage(rule, &item.params, item.cost, item.subject.clone(), reply, now);
                if one.shadow {
                    usage.shown = rule.shown_in_shadow;
                }
                found.allowed &= !usage.is_violated();
                found.rules.push(Explained { usage, key: rule.key.describe(), enforcement: rule.enforcement() });
            }
            Ok(found)
        };
        match reply {
            Reply::Now(answer) => Reply::Now(explained(answer)),
            Reply::Later(answer) => Reply::Later(Box::pin(async move { explained(answer.await) })),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: would {}", self.policy, if self.allowed { "allow" } else { "refuse" })?;
        self.rules.iter().try_for_each(|rule| write!(f, "\n  {rule}"))
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usage = &self.usage;
        let says = match (usage.is_violated(), usage.would_refuse()) {
            (true, _) => "refuses",
            (_, true) => "would refuse if it were enforced",
            _ => "allows",
        };
        let (left, limit) = (usage.remaining(), usage.limit());
        write!(f, "{} by {}: {says}, {left} of {limit} left, cost {}", usage.name(), self.key, usage.cost())?;
        if let Some(wait) = usage.retry_after() {
            write!(f, ", passes in {wait:.1?}")?;
        }
        if let Some(reset) = usage.reset_after().filter(|reset| !reset.is_zero()) {
            write!(f, ", whole again in {reset:.1?}")?;
        }
        if !self.enforcement.is_full() {
            write!(f, ", enforced: {}", self.enforcement)?;
        }
        Ok(())
    }
}
