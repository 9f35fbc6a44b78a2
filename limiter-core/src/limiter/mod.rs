//! The engine that an application configures once: rules, store, clock and observer meet here and
//! nowhere else.

mod acquire;
mod afar;
mod alone;
mod applied;
mod ask;
mod both;
mod builder;
mod changes;
mod claim;
mod decide;
mod doors;
mod enforcement;
mod exceeded;
mod explain;
mod granted;
mod held;
#[cfg(feature = "wait")]
mod hold;
#[cfg(feature = "wait")]
mod line;
mod many;
#[cfg(feature = "wait")]
mod obstacle;
mod outage;
mod permit;
mod prepared;
mod reservation;
mod ruling;
mod short;
mod slots;
mod terms;
#[cfg(feature = "wait")]
mod wait;

use core::fmt;
use core::sync::atomic::AtomicU64;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use dashmap::{DashMap, DashSet};
use parking_lot::Mutex;

use crate::access::AccessList;
use crate::algorithm::Params;
use crate::event::doctor::Doctor;
use crate::event::{Observer, WarnOnly, Warning};
use crate::key::client_ip::ClientIp;
use crate::key::{Fingerprints, Key};
use crate::policy::{Policy, PolicyError};
use crate::quota::Quota;
use crate::settle::OpenRequests;
use crate::store::memory::MemoryStore;
use crate::store::{Capabilities, StandIn, Store, Subject};
use crate::time::{ClockHandle, Nanos};

pub use applied::{Applied, AppliedWatch};
pub use builder::LimiterBuilder;
pub use claim::Claim;
use enforcement::Switches;
pub use enforcement::{Enforcement, EnforcementError};
pub use exceeded::{Exceeded, RateLimitExceeded};
pub use explain::{Explained, Explanation, RuleInfo};
pub use held::Held;
use outage::Outage;
pub use permit::{Permit, Receipt};
pub(crate) use prepared::Prepared;
pub use ruling::Ruling;
pub use short::{Found, Passed, ShortQuestion, Unsettled};
use slots::Slots;
pub use terms::Terms;
#[cfg(feature = "wait")]
pub use wait::Wait;

/// The engine: cheap to clone, all clones are one.
///
/// ```
/// use limiter_core::{Limiter, Policy, Rule};
/// use limiter_core::key::{Global, Key};
///
/// let limiter = Limiter::in_memory();
/// let policy = Policy::new("greet", [Rule::new("2/min".parse()?).key(Global)])?;
/// assert!(limiter.check(&policy, &Key::everyone()).is_allowed());
/// assert!(limiter.check(&policy, &Key::everyone()).is_allowed());
/// let refused = limiter.check(&policy, &Key::everyone());
/// assert!(!refused.is_allowed());
/// assert!(refused.retry_after().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Limiter {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: StoreHandle,
    /// Stands in for a store that failed, for rules that say so.
    stand_in: OnceLock<Arc<StandIn>>,
    outage: Outage,
    clock: ClockHandle,
    client_ip: ClientIp,
    access: Option<AccessList>,
    doctor: Doctor,
    observer: Option<Arc<dyn Observer>>,
    overrides: HashMap<String, Quota>,
    /// By this a policy knows what was prepared by this limiter; no two in a process share it.
    id: u64,
    prepared: Slots<Result<Arc<Prepared>, PolicyError>>,
    /// The quota with which each scope was first seen.
    scopes: DashMap<String, u64>,
    warned: DashSet<Warning>,
    switches: Mutex<Switches>,
    require: bool,
    fingerprints: Fingerprints,
    /// Requests that are yet to be settled.
    open: OpenRequests,
    /// How many leases were granted in this process.
    leases: AtomicU64,
    #[cfg(feature = "wait")]
    lines: Arc<line::Lines>,
}

/// The limiters that are, for those who know one by its number alone.
static LIMITERS: LazyLock<DashMap<u64, Weak<Inner>>> = LazyLock::new(DashMap::new);

impl Drop for Inner {
    fn drop(&mut self) {
        LIMITERS.remove(&self.id);
    }
}

enum StoreHandle {
    /// Called directly, without a box or an indirect call.
    Memory(Arc<MemoryStore>),
    Other(Arc<dyn Store>),
}

impl StoreHandle {
    fn capabilities(&self) -> Capabilities {
        match self {
            StoreHandle::Memory(store) => store.capabilities(),
            StoreHandle::Other(store) => store.capabilities(),
        }
    }

    fn stand_in(&self) -> Arc<StandIn> {
        match self {
            StoreHandle::Memory(store) => store.stand_in(),
            StoreHandle::Other(store) => store.stand_in(),
        }
    }
}

impl Limiter {
    /// A limiter in this process that trusts no proxy and needs nothing.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::builder().build()
    }

    /// Starts a configuration.
    pub fn builder() -> LimiterBuilder {
        LimiterBuilder::default()
    }

    /// How client addresses are found.
    #[must_use]
    pub fn client_ip(&self) -> &ClientIp {
        &self.inner.client_ip
    }

    /// Whether annotated handlers without an explicit limiter should be refused.
    #[must_use]
    pub fn requires_explicit(&self) -> bool {
        self.inner.require
    }

    /// Wall-clock time in nanoseconds since the Unix epoch, as this limiter's clock has it.
    #[must_use]
    pub fn wall(&self) -> Nanos {
        self.inner.clock.wall()
    }

    /// Monotonic time, as this limiter's clock has it: what leases go by.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.inner.clock.read(false).monotonic
    }

    /// Checks that this limiter can carry out a policy, and gets ready for it. Decisions do this by
    /// themselves; call it at start-up to see mistakes early.
    ///
    /// # Errors
    ///
    /// When the store cannot count a rule.
    pub fn prepare(&self, policy: &Policy) -> Result<(), PolicyError> {
        self.prepared(policy).map(|_| ()).map_err(Clone::clone)
    }

    /// Passes a warning on, once for each cause.
    pub fn warn(&self, warning: Warning) {
        if self.inner.warned.contains(&warning) {
            return;
        }
        if self.inner.warned.insert(warning.clone()) {
            match &self.inner.observer {
                Some(observer) => observer.on_warning(&warning),
                None => WarnOnly.on_warning(&warning),
            }
        }
    }

    /// Forgets what one key has used under every rule of a policy.
    ///
    /// # Errors
    ///
    /// When the store cannot count a rule of the policy, or does not answer at once.
    pub fn reset(&self, policy: &Policy, key: &Key) -> Result<(), PolicyError> {
        let prepared = self.prepared(policy).map_err(Clone::clone)?;
        self.reset_prepared(prepared, key);
        Ok(())
    }

    /// The limiter of this number, if it still is.
    fn of_id(id: u64) -> Option<Limiter> {
        let inner = LIMITERS.get(&id)?.upgrade()?;
        Some(Limiter { inner })
    }

    /// The store in this process, if that is the one in use.
    #[must_use]
    pub fn memory(&self) -> Option<&MemoryStore> {
        match &self.inner.store {
            StoreHandle::Memory(store) => Some(store),
            StoreHandle::Other(_) => None,
        }
    }

    /// What the store counts of its own doings: [`Store::totals`].
    #[cfg(feature = "metrics")]
    pub(crate) fn store_totals(&self) -> Vec<(&'static str, u64)> {
        match &self.inner.store {
            StoreHandle::Memory(store) => store.totals(),
            StoreHandle::Other(store) => store.totals(),
        }
    }

    /// A policy as this limiter carries it out. The first limiter that a policy meets is found with the
    /// policy itself, since most meet no other.
    #[inline]
    fn prepared<'a>(&'a self, policy: &'a Policy) -> Result<&'a Prepared, &'a PolicyError> {
        match policy.prepared_by(self.inner.id) {
            Some(prepared) => Ok(prepared),
            None => self.look_up(policy),
        }
    }

    #[inline(never)]
    fn look_up(&self, policy: &Policy) -> Result<&Prepared, &PolicyError> {
        if let Some(known) = self.inner.prepared.get(policy.index()) {
            return known.as_deref();
        }
        let make = || Prepared::new(self, policy).map(Arc::new);
        let Some(prepared) = self.inner.prepared.get_or_init(policy.index(), make) else {
            return Err(&PolicyError::TooManyRules { found: usize::MAX });
        };
        if let Ok(prepared) = prepared {
            self.switch_new(prepared);
            policy.keep(self.inner.id, prepared);
        }
        prepared.as_deref()
    }

    fn subject(&self, budget: u64, rule: &prepared::PreparedRule, params: &Params, key: &Key) -> Subject {
        match &self.inner.store {
            StoreHandle::Memory(_) => Subject::Local(self.inner.fingerprints.of(budget, key)),
            StoreHandle::Other(store) if store.capabilities().is_local() => {
                Subject::Local(self.inner.fingerprints.of(budget, key))
            }
            StoreHandle::Other(_) => rule.named(params, key),
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("client_ip", &self.inner.client_ip).finish_non_exhaustive()
    }
}
