//! A rule: one limit with a name, a key and a cost.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, Version};

use crate::algorithm::Algorithm;
use crate::decision::Name;
use crate::key::{Global, Ip, KeySource, Missing};
#[cfg(feature = "wait")]
use crate::queue::Queue;
use crate::quota::Quota;
use crate::settle::Settle;
use crate::time::Nanos;

/// Which requests a rule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MethodClass {
    /// All.
    #[default]
    Any,
    /// GET, HEAD, OPTIONS, TRACE, and the CONNECT that opens a WebSocket over HTTP/2.
    Read,
    /// Everything else.
    Write,
}

impl MethodClass {
    /// The class of one request: [`Read`](MethodClass::Read) or [`Write`](MethodClass::Write).
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        match parts.method {
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => MethodClass::Read,
            Method::CONNECT if is_websocket_connect(parts.version, &parts.headers) => MethodClass::Read,
            _ => MethodClass::Write,
        }
    }

    /// Whether a rule of this class counts a request of class `request`.
    #[must_use]
    pub fn counts(self, request: MethodClass) -> bool {
        self == MethodClass::Any || self == request
    }

    /// What is appended to a function's name to make the rule's public name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            MethodClass::Any => "",
            MethodClass::Read => "-read",
            MethodClass::Write => "-write",
        }
    }
}

/// RFC 8441: over HTTP/2 and later a WebSocket opens with an extended CONNECT, which carries the
/// version of the protocol it asks for; a plain CONNECT never does.
fn is_websocket_connect(version: Version, headers: &HeaderMap) -> bool {
    version >= Version::HTTP_2 && headers.contains_key(http::header::SEC_WEBSOCKET_VERSION)
}

/// How much a request takes.
#[derive(Clone)]
#[non_exhaustive]
pub enum Cost {
    /// The same for every request. 0 asks without taking.
    Fixed(u32),
    /// Worked out from the head of the request.
    Function(Arc<dyn Fn(&Parts) -> u32 + Send + Sync>),
}

impl Cost {
    pub(crate) fn of(&self, parts: &Parts) -> u64 {
        match self {
            Cost::Fixed(cost) => u64::from(*cost),
            Cost::Function(cost) => u64::from(cost(parts)),
        }
    }

    /// The cost where there is no request to work it out from.
    pub(crate) fn constant(&self) -> u64 {
        match self {
            Cost::Fixed(cost) => u64::from(*cost),
            Cost::Function(_) => 1,
        }
    }
}

impl From<u32> for Cost {
    fn from(cost: u32) -> Self {
        Cost::Fixed(cost)
    }
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cost::Fixed(cost) => write!(f, "Fixed({cost})"),
            Cost::Function(_) => f.write_str("Function"),
        }
    }
}

/// The quota of a caller, worked out from the head of the request.
pub(crate) type QuotaFn = Arc<dyn Fn(&Parts) -> Quota + Send + Sync>;

/// What to do when the store fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnStoreError {
    /// Refuse.
    Closed,
    /// A limiter in this process decides.
    #[default]
    Local,
    /// Let everything pass.
    Open,
}

/// What to do with a new key when the table of keys is full and every key in it is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AtCeiling {
    /// Give up the cell nearest to idle among a few. A flood then forgets the flood, not the
    /// abuser. The only case in which more than the rule's promise may be admitted: at most the
    /// debt of the cells given up, which [`Stats::evicted`](crate::store::memory::Stats) counts. A
    /// key used once is one unit in debt and goes before one that is a burst in debt, so a flood has
    /// to spend about a burst for each key before abusers are forgotten: one of fifty times more keys
    /// than there is room for, each used once, gains them at most a quarter.
    #[default]
    Evict,
    /// New keys share one budget. Nobody is admitted above the quota, and all who share together
    /// are admitted no more than one of them: in a flood who is new may be refused for what others
    /// asked.
    Overflow,
    /// New keys are refused until a cell is free. Nobody is admitted above the quota, and the keys
    /// that are known go on as if there were no flood.
    Refuse,
}

/// What a rule limits by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// So many at the same time.
    Concurrent(u64),
    /// So many per time.
    Rate(Quota),
}

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
