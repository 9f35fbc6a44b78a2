//! A rule: one limit with a name, a key and a cost.

mod choices;
mod class;

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use crate::algorithm::Algorithm;
use crate::decision::Name;
use crate::key::{Global, Ip, KeySource, Missing};
#[cfg(feature = "wait")]
use crate::queue::Queue;
use crate::quota::Quota;
use crate::settle::Settle;
use crate::time::Nanos;
pub(crate) use choices::QuotaFn;
pub use choices::{AtCeiling, Cost, Limit, OnStoreError};
pub use class::MethodClass;

/// A named quota with its algorithm, key, cost and scope.
///
/// ```
/// use limiter_core::{Algorithm, Rule, key};
///
/// let rule = Rule::new("100/min".parse()?)
///     .named("search")
///     .algorithm(Algorithm::Fixed)
///     .cost(5);
/// assert_eq!(rule.name(), Some("search"));
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
#[derive(Clone)]
pub struct Rule {
    pub(crate) name: Option<Name>,
    pub(crate) scope: Option<Name>,
    pub(crate) limit: Limit,
    pub(crate) lease: Option<Nanos>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Arc<dyn KeySource>,
    pub(crate) trusted_key: bool,
    pub(crate) missing: Missing,
    pub(crate) cost: Cost,
    pub(crate) penalty: bool,
    pub(crate) shadow: bool,
    pub(crate) settle: Option<Arc<Settle>>,
    #[cfg(feature = "wait")]
    pub(crate) queue: Option<Queue>,
    pub(crate) quota_fn: Option<QuotaFn>,
    pub(crate) class: MethodClass,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) at_ceiling: AtCeiling,
}

impl Rule {
    /// A rule that counts per client address, by the bucket algorithm.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Rule {
            name: None,
            scope: None,
            limit: Limit::Rate(quota),
            lease: None,
            algorithm: Algorithm::Bucket,
            key: Arc::new(Ip::new()),
            trusted_key: false,
            missing: Missing::default(),
            cost: Cost::Fixed(1),
            penalty: false,
            shadow: false,
            settle: None,
            #[cfg(feature = "wait")]
            queue: None,
            quota_fn: None,
            class: MethodClass::Any,
            on_store_error: OnStoreError::default(),
            at_ceiling: AtCeiling::default(),
        }
    }

    /// A rule that admits `limit` requests at the same time, all callers together.
    #[must_use]
    pub fn concurrent(limit: u32) -> Self {
        Rule {
            limit: Limit::Concurrent(u64::from(limit)),
            algorithm: Algorithm::Concurrent,
            key: Arc::new(Global),
            ..Rule::new(Quota::UNLIMITED)
        }
    }

    /// The public name: on the wire and in metrics. 1 to 64 of `A-Z a-z 0-9 . _ ~ : / -`.
    #[must_use]
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets a slot of a concurrent limit run out this long after it was taken, whether or not its
    /// holder gives it back: nobody is kept out for ever by one that hangs. Giving it back later does
    /// nothing, and the holder's [`Lease`](crate::store::Lease) says that it is over.
    ///
    /// Stores that several processes share have leases without this, which they renew for as long as
    /// the holder's process lives; a policy with this is refused when it is prepared for one of them.
    ///
    /// ```
    /// use limiter_core::testing::ManualClock;
    /// use limiter_core::{Limiter, Policy, Rule, key::Key};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let limiter = Limiter::builder().clock(clock.clone()).build();
    /// let mutex = Policy::new("mutex", [Rule::concurrent(1).lease(Duration::from_secs(60))])?;
    /// let hangs = limiter.try_acquire(&mutex, &Key::everyone())?;
    /// clock.advance(Duration::from_secs(60));
    /// let next = limiter.try_acquire(&mutex, &Key::everyone())?;
    /// assert!(!hangs.is_valid() && next.is_valid());
    /// drop(hangs);
    /// assert!(limiter.try_acquire(&mutex, &Key::everyone()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(Nanos::from(lease));
        self
    }

    /// Shares the budget with every rule of the same scope, quota and algorithm. Without a scope
    /// the budget belongs to the place where the rule is declared. Concurrent limits of one scope
    /// count the same slots, each up to its own limit.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<Name>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// How the quota is counted.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Who is limited.
    #[must_use]
    pub fn key(self, key: impl KeySource) -> Self {
        self.key_source(Arc::new(key))
    }

    /// Who is limited, by a source made elsewhere, such as [`parse_source`](crate::key::parse_source).
    #[must_use]
    pub fn key_source(mut self, key: Arc<dyn KeySource>) -> Self {
        self.key = key;
        self
    }

    /// Says that something in front has checked a key which callers could otherwise choose freely.
    #[must_use]
    pub fn trusted_key(mut self) -> Self {
        self.trusted_key = true;
        self
    }

    /// What happens to a request that lacks the key.
    #[must_use]
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// How much a request takes; 1 unless stated.
    #[must_use]
    pub fn cost(mut self, cost: impl Into<Cost>) -> Self {
        self.cost = cost.into();
        self
    }

    /// How much a request takes, worked out from its head.
    #[must_use]
    pub fn cost_fn(mut self, cost: impl Fn(&Parts) -> u32 + Send + Sync + 'static) -> Self {
        self.cost = Cost::Function(Arc::new(cost));
        self
    }

    /// Counts refused requests too, up to the capacity: who keeps asking stays out, and is back no
    /// later than a spent quota is. Only what this rule itself refuses is counted; when another rule
    /// of the policy refuses, this one is not charged. Costs above the capacity are not counted.
    ///
    /// ```
    /// use limiter_core::{Limiter, Policy, Rule, key::{Global, Key}};
    ///
    /// let policy = Policy::new("login", [Rule::new("5/min".parse()?).key(Global).penalty()])?;
    /// let (limiter, key) = (Limiter::in_memory(), Key::everyone());
    /// assert!(limiter.check_cost(&policy, &key, 3).is_allowed());
    /// assert!(!limiter.check_cost(&policy, &key, 3).is_allowed());
    /// assert!(!limiter.check_cost(&policy, &key, 1).is_allowed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn penalty(mut self) -> Self {
        self.penalty = true;
        self
    }

    /// Counts and tells what it would refuse, and refuses nothing, until
    /// [`Limiter::enforce_rule`](crate::Limiter::enforce_rule) says otherwise. A request that lacks the
    /// key passes such a rule by. A rule in shadow is not shown to callers, and is charged as if it were
    /// enforced: only when every rule lets the request pass. [`penalty`](Self::penalty) waits until it
    /// is enforced.
    #[must_use]
    pub fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// Settles the charge once the outcome of a request is known: counts failures alone, or takes what
    /// the answer turns out to have cost. See [`settle`](crate::settle) for what is promised while
    /// requests are under way.
    ///
    /// ```
    /// use limiter_core::{Rule, settle::Settle};
    ///
    /// let logins = Rule::new("5/15min".parse()?).settle(Settle::failed());
    /// let pages = Rule::new("100/min".parse()?).settle(Settle::count("not 304, 5xx".parse()?).lenient(16));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn settle(mut self, settle: Settle) -> Self {
        self.settle = Some(Arc::new(settle));
        self
    }

    /// Holds requests that find no room, instead of refusing them. See [`queue`](crate::queue).
    ///
    /// The answer of [`Limiter::decide`](crate::Limiter::decide) and
    /// [`Limiter::decide_key`](crate::Limiter::decide_key) then comes later; what answers at once,
    /// such as [`Limiter::check`](crate::Limiter::check), holds nobody.
    #[cfg(feature = "wait")]
    #[must_use]
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = Some(queue);
        self
    }

    /// Gives each caller a quota of its own, such as that of a plan, worked out from the head of the
    /// request. The declared quota is the default: it holds where there is no request, where the
    /// function returns it, and, with a warning, where the one returned does not fit the algorithm.
    /// [`Quota::UNLIMITED`] exempts the request.
    ///
    /// What a key has used stays used when its quota changes within the same period, so that
    /// changing back and forth admits no more than the larger quota does. It is the units that stay,
    /// or with algorithm `bucket` the used share: a key that has spent half of `10/min` has half of
    /// `100/min` left. Bursts should then stand in the same proportion to their counts. Quotas of
    /// another period or alignment are separate budgets.
    ///
    /// ```
    /// use limiter_core::{Quota, Rule};
    ///
    /// #[derive(Clone)]
    /// struct Plan { per_minute: u64 }
    ///
    /// let rule = Rule::new("100/min".parse()?).quota_fn(|parts| match parts.extensions.get::<Plan>() {
    ///     Some(plan) => Quota::per_minute(plan.per_minute),
    ///     None => Quota::per_minute(100),
    /// });
    /// # Ok::<(), limiter_core::quota::NotationError>(())
    /// ```
    #[must_use]
    pub fn quota_fn(mut self, quota: impl Fn(&Parts) -> Quota + Send + Sync + 'static) -> Self {
        self.quota_fn = Some(Arc::new(quota));
        self
    }

    /// Which requests count.
    #[must_use]
    pub fn class(mut self, class: MethodClass) -> Self {
        self.class = class;
        self
    }

    /// What to do when the store fails.
    #[must_use]
    pub fn on_store_error(mut self, choice: OnStoreError) -> Self {
        self.on_store_error = choice;
        self
    }

    /// What to do with new keys when the table of keys is full.
    #[must_use]
    pub fn at_ceiling(mut self, choice: AtCeiling) -> Self {
        self.at_ceiling = choice;
        self
    }

    /// By what requests are held: the rule's own queue, or that of its way to settle.
    #[cfg(feature = "wait")]
    pub(crate) fn queue_in_force(&self) -> Option<Queue> {
        self.queue.or_else(|| self.settle.as_ref().and_then(|settle| settle.queue()))
    }

    #[cfg(feature = "wait")]
    pub(crate) fn is_spaced(&self) -> bool {
        self.queue.is_some_and(|queue| queue.spaced)
    }

    #[cfg(not(feature = "wait"))]
    pub(crate) fn is_spaced(&self) -> bool {
        false
    }

    /// The burst that even spacing leaves: the cost of one request.
    pub(crate) fn spacing(&self) -> Option<u32> {
        match self.cost {
            Cost::Fixed(cost) if self.is_spaced() => Some(cost.max(1)),
            _ => None,
        }
    }

    /// The public name, if one was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// What the rule limits by.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("scope", &self.scope)
            .field("limit", &self.limit)
            .field("algorithm", &self.algorithm)
            .field("key", &self.key.describe())
            .field("cost", &self.cost)
            .field("class", &self.class)
            .field("penalty", &self.penalty)
            .field("shadow", &self.shadow)
            .field("settle", &self.settle)
            .field("quota_fn", &self.quota_fn.is_some())
            .finish_non_exhaustive()
    }
}
