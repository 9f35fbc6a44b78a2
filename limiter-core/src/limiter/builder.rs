//! The configuration of a limiter.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use dashmap::{DashMap, DashSet};
use parking_lot::Mutex;

use super::enforcement::Switches;
#[cfg(feature = "wait")]
use super::line;
use super::outage::Outage;
use super::slots::Slots;
use super::{Inner, LIMITERS, Limiter, StoreHandle};
use crate::access::AccessList;
use crate::event::doctor::Doctor;
use crate::event::{Observer, Observers};
use crate::key::Fingerprints;
use crate::key::client_ip::ClientIp;
use crate::quota::Quota;
use crate::settle::OpenRequests;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::time::{Clock, ClockHandle, SystemClock};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Configures a [`Limiter`].
///
/// ```
/// use limiter_core::Limiter;
/// use limiter_core::key::client_ip::ClientIp;
///
/// let limiter = Limiter::builder()
///     .client_ip(ClientIp::builder().header("x-forwarded-for").trusted(["10.0.0.7"]).build()?)
///     .override_quota("api-read", "2000/min".parse()?)
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct LimiterBuilder {
    store: Option<StoreHandle>,
    clock: Option<Arc<dyn Clock>>,
    client_ip: ClientIp,
    access: Option<AccessList>,
    observer: Option<Arc<dyn Observer>>,
    overrides: HashMap<String, Quota>,
    pub(super) switches: Switches,
    require: bool,
    no_doctor: bool,
}

impl LimiterBuilder {
    /// Keeps state in this process, in a store of your making.
    pub fn memory(mut self, store: MemoryStore) -> Self {
        self.store = Some(StoreHandle::Memory(Arc::new(store)));
        self
    }

    /// Keeps state elsewhere.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(StoreHandle::Other(Arc::new(store)));
        self
    }

    /// The secret under which texts that may be secrets (headers, cookies, query parameters) are hashed
    /// for stores that several processes share: the same in every process, at least 16 random bytes.
    ///
    /// It holds for the whole process, the first one set for all limiters, and cannot change once a text
    /// was hashed: set it before anything else, access lists included. Set too late, policies with such
    /// keys are refused.
    #[cfg(feature = "fleet")]
    pub fn fleet_secret(self, secret: impl AsRef<[u8]>) -> Self {
        // Whether it came too late is asked where it matters: when a policy is prepared.
        let _ = crate::key::set_fleet_secret(secret.as_ref());
        self
    }

    /// Tells the time by another clock, such as a manual one in tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// How client addresses are found. Without this nobody is trusted and the peer is the client.
    pub fn client_ip(mut self, client_ip: ClientIp) -> Self {
        self.client_ip = client_ip;
        self
    }

    /// Clients that are not limited, and clients that never get in. Keep a clone to replace the list
    /// while it is in use.
    pub fn access(mut self, list: AccessList) -> Self {
        self.access = Some(list);
        self
    }

    /// Who is told about decisions. Called again, it adds another one.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(match self.observer {
            None => Arc::new(observer),
            Some(first) => Arc::new(Observers::new().and_shared(first).and(observer)),
        });
        self
    }

    /// Puts another quota in the place of the one that the rule of this public name declares. What
    /// keys have used stays used.
    pub fn override_quota(mut self, rule: impl Into<String>, quota: Quota) -> Self {
        self.overrides.insert(rule.into(), quota);
        self
    }

    /// Says that annotated handlers which find no explicit limiter should refuse instead of using
    /// the process-wide default.
    pub fn require_limiter(mut self) -> Self {
        self.require = true;
        self
    }

    /// Looks neither at the configuration nor at the first requests for mistakes in how clients are
    /// told apart behind proxies. Such mistakes are reported as warnings otherwise.
    pub fn without_doctor(mut self) -> Self {
        self.no_doctor = true;
        self
    }

    /// Makes the limiter.
    #[must_use]
    pub fn build(self) -> Limiter {
        let limiter = Limiter {
            inner: Arc::new(Inner {
                store: self.store.unwrap_or_else(|| StoreHandle::Memory(Arc::new(MemoryStore::new()))),
                stand_in: OnceLock::new(),
                outage: Outage::default(),
                clock: self.clock.map_or_else(|| ClockHandle::System(SystemClock::new()), ClockHandle::guarded),
                client_ip: self.client_ip,
                access: self.access,
                doctor: if self.no_doctor { Doctor::off() } else { Doctor::default() },
                observer: self.observer,
                overrides: self.overrides,
                id: NEXT.fetch_add(1, Ordering::Relaxed),
                prepared: Slots::new(),
                scopes: DashMap::new(),
                warned: DashSet::new(),
                switches: Mutex::new(self.switches),
                require: self.require,
                fingerprints: Fingerprints::new(),
                open: OpenRequests::default(),
                leases: AtomicU64::new(0),
                #[cfg(feature = "wait")]
                lines: Arc::new(line::Lines::new()),
            }),
        };
        limiter.look_at_networks();
        LIMITERS.insert(limiter.inner.id, Arc::downgrade(&limiter.inner));
        let inner: Weak<Inner> = Arc::downgrade(&limiter.inner);
        limiter.client_ip().on_reload(inner);
        limiter
    }
}

impl fmt::Debug for LimiterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimiterBuilder").field("client_ip", &self.client_ip).finish_non_exhaustive()
    }
}
