//! Ours and the rivals behind one trait, each called as its users call it.

use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use axum_gcra::gcra as axum;
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use limiter_core::algorithm::Params;
use limiter_core::key::Fingerprints;
use limiter_core::store::Mode;
use limiter_core::store::memory::{MemoryStore, Single};
use limiter_core::time::{Clock, Nanos, Now, SystemClock};
use limiter_core::{Algorithm, AtCeiling, Key, Limiter, Policy, Reply, Rule};

use crate::keys::FromId;

/// One way to decide about a key.
pub trait Rival: Sync {
    /// What callers hand in.
    type Key: FromId;
    /// A limiter under which nobody is refused, or under which everybody is after the first time.
    fn new(refuse: bool) -> Self;
    /// The same with room for so many keys, where that is stated at all.
    fn with_room(refuse: bool, _keys: usize) -> Self
    where
        Self: Sized,
    {
        Self::new(refuse)
    }
    /// Whether the key may pass.
    fn check(&self, key: &Self::Key) -> bool;
}

/// A unit a minute: every key that was seen stays live for as long as a bench takes.
const PERIOD: Duration = Duration::from_secs(60);
const BURST: u32 = 50_000_000;
/// Room for every key of every pattern: what happens at the ceiling has rows of its own.
pub const ROOM: usize = 4_500_000;

fn burst(refuse: bool) -> NonZeroU32 {
    NonZeroU32::new(if refuse { 1 } else { BURST }).unwrap_or(NonZeroU32::MIN)
}

fn governors(refuse: bool) -> Quota {
    let quota = Quota::with_period(PERIOD).unwrap_or_else(|| Quota::per_minute(NonZeroU32::MIN));
    quota.allow_burst(burst(refuse))
}

/// In our notation.
#[must_use]
pub fn ours(refuse: bool) -> limiter_core::Quota {
    format!("1/min burst {}", burst(refuse)).parse().unwrap_or(limiter_core::Quota::UNLIMITED)
}

/// governor's keyed limiter on a DashMap with hasher `S`.
pub struct Governor<K: Hash + Eq + Clone, S: BuildHasher + Clone>(
    RateLimiter<K, DashMapStateStore<K, S>, DefaultClock>,
);

impl<K, S> Rival for Governor<K, S>
where
    K: FromId + Hash + Eq + Clone,
    S: BuildHasher + Clone + Default + Send + Sync,
{
    type Key = K;

    fn new(refuse: bool) -> Self {
        Governor(RateLimiter::dashmap_with_hasher(governors(refuse), S::default()))
    }

    #[inline]
    fn check(&self, key: &K) -> bool {
        self.0.check_key(key).is_ok()
    }
}

/// governor's keyed limiter, twice: its users' way to apply two rules.
pub struct TwoGovernors(Governor<IpAddr, std::hash::RandomState>, Governor<IpAddr, std::hash::RandomState>);

impl Rival for TwoGovernors {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        TwoGovernors(Rival::new(false), Rival::new(refuse))
    }

    #[inline]
    fn check(&self, key: &IpAddr) -> bool {
        self.0.check(key) && self.1.check(key)
    }
}

/// governor without keys.
pub struct GovernorDirect(RateLimiter<NotKeyed, InMemoryState, DefaultClock>);

impl Rival for GovernorDirect {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        GovernorDirect(RateLimiter::direct(governors(refuse)))
    }

    #[inline]
    fn check(&self, _: &IpAddr) -> bool {
        self.0.check().is_ok()
    }
}

/// `ratelimit`, which has no keys.
pub struct Ratelimit(ratelimit::Ratelimiter);

impl Rival for Ratelimit {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        let (rate, tokens) = if refuse { (1, 0) } else { (1_000_000_000, 1_000_000_000) };
        let built = ratelimit::Ratelimiter::builder(rate)
            .period(if refuse { Duration::from_secs(3600) } else { Duration::from_secs(1) })
            .max_tokens(tokens.max(1))
            .initial_available(tokens)
            .build();
        Ratelimit(built.unwrap_or_else(|_| ratelimit::Ratelimiter::new(rate)))
    }

    #[inline]
    fn check(&self, _: &IpAddr) -> bool {
        self.0.try_wait().is_ok()
    }
}

/// `axum_gcra`'s engine, with the clean-up it does by default.
pub struct AxumGcra(axum::RateLimiter<IpAddr, ahash::RandomState>, axum::Quota);

impl Rival for AxumGcra {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        let burst = NonZeroU64::from(burst(refuse));
        AxumGcra(axum::RateLimiter::new(8192, ahash::RandomState::new()), axum::Quota::new(PERIOD, burst))
    }

    #[inline]
    #[expect(clippy::disallowed_methods, reason = "its callers read this clock")]
    fn check(&self, key: &IpAddr) -> bool {
        self.0.req_sync(*key, self.1, Instant::now()).is_ok()
    }
}

/// The `gcra` crate. Its future never waits, so one poll answers.
pub struct Gcra(gcra::RateLimiter<IpAddr>, gcra::RateLimit);

impl Rival for Gcra {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        let burst = burst(refuse);
        Gcra(gcra::RateLimiter::new(4), gcra::RateLimit::new(burst.get(), PERIOD.saturating_mul(burst.get())))
    }

    #[inline]
    fn check(&self, key: &IpAddr) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let check = std::pin::pin!(self.0.check(*key, &self.1, 1));
        matches!(check.poll(&mut context), std::task::Poll::Ready(Ok(_)))
    }
}

/// Our store alone: clock, fingerprint, one item.
pub struct OurStore {
    store: MemoryStore,
    clock: SystemClock,
    fingerprints: Fingerprints,
    params: Params,
}

impl OurStore {
    /// With a room of its own.
    #[must_use]
    pub fn with_ceiling(keys: usize, refuse: bool) -> Self {
        OurStore {
            store: MemoryStore::with_ceiling(keys),
            clock: SystemClock::new(),
            fingerprints: Fingerprints::new(),
            params: params(Algorithm::Bucket, ours(refuse)),
        }
    }

    /// Decides at an instant of the caller's choice.
    #[inline]
    pub fn check_at(&self, key: &IpAddr, now: Nanos) -> bool {
        let single = Single {
            budget: 1,
            fingerprint: self.fingerprints.of(1, &Key::from(*key)),
            params: &self.params,
            cost: 1,
            mode: Mode::Charge,
            at_ceiling: AtCeiling::Evict,
        };
        self.store.decide_one(single, Now { monotonic: now, wall: Nanos::ZERO }).0
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }
}

/// A quota made ready; an unusable one limits nobody.
#[must_use]
pub fn params(algorithm: Algorithm, quota: limiter_core::Quota) -> Params {
    Params::new(algorithm, quota).unwrap_or_else(|_| Params::concurrent(u64::MAX))
}

impl Rival for OurStore {
    type Key = IpAddr;

    fn new(refuse: bool) -> Self {
        Self::with_ceiling(ROOM, refuse)
    }

    fn with_room(refuse: bool, keys: usize) -> Self {
        Self::with_ceiling(keys, refuse)
    }

    #[inline]
    fn check(&self, key: &IpAddr) -> bool {
        self.check_at(key, self.clock.monotonic())
    }
}

/// Our whole limiter with a policy.
pub struct Whole {
    limiter: Limiter,
    policy: Policy,
}

impl Whole {
    /// With these rules.
    #[must_use]
    pub fn with(rules: Vec<Rule>, room: usize) -> Self {
        let limiter = Limiter::builder().memory(MemoryStore::with_ceiling(room)).build();
        let policy = Policy::new("bench", rules).unwrap_or_else(|_| no_rules());
        Whole { limiter, policy }
    }
}

/// A policy without rules.
#[must_use]
pub fn no_rules() -> Policy {
    // Unreachable with the rules above; a bench that measured it would stand out.
    match Policy::new("none", []) {
        Ok(policy) => policy,
        Err(_) => no_rules(),
    }
}

macro_rules! whole {
    ($(#[$doc:meta])* $name:ident, $key:ty, |$refuse:ident| $rules:expr, |$limiter:ident, $policy:ident, $asked:ident| $check:expr) => {
        $(#[$doc])*
        pub struct $name(Whole);

        impl Rival for $name {
            type Key = $key;

            fn new(refuse: bool) -> Self {
                Self::with_room(refuse, ROOM)
            }

            fn with_room($refuse: bool, keys: usize) -> Self {
                $name(Whole::with($rules, keys))
            }

            #[inline]
            fn check(&self, $asked: &$key) -> bool {
                let ($limiter, $policy) = (&self.0.limiter, &self.0.policy);
                $check
            }
        }
    };
}

whole!(
    /// `Limiter::check` by address.
    OurCheck, IpAddr, |refuse| vec![Rule::new(ours(refuse))],
    |limiter, policy, ip| limiter.check(policy, &Key::from(*ip)).is_allowed()
);
whole!(
    /// `Limiter::decide_key` by address: with what is needed to refund the charge.
    OurDecideKey, IpAddr, |refuse| vec![Rule::new(ours(refuse))],
    |limiter, policy, ip| passed(&limiter.decide_key(policy, &Key::from(*ip), 1))
);
whole!(
    /// `Limiter::check` by text.
    OurText, Key, |refuse| vec![Rule::new(ours(refuse))],
    |limiter, policy, key| limiter.check(policy, key).is_allowed()
);
whole!(
    /// One budget for everybody.
    OurGlobal, IpAddr, |refuse| vec![Rule::new(ours(refuse)).key(limiter_core::key::Global)],
    |limiter, policy, _ip| limiter.check(policy, &Key::everyone()).is_allowed()
);
whole!(
    /// Two rules in one policy.
    OurTwoRules, IpAddr, |refuse| vec![Rule::new(ours(false)), Rule::new(ours(refuse))],
    |limiter, policy, ip| limiter.check(policy, &Key::from(*ip)).is_allowed()
);
whole!(
    /// Fixed windows.
    OurFixed, IpAddr, |refuse| vec![Rule::new(window(refuse)).algorithm(Algorithm::Fixed)],
    |limiter, policy, ip| limiter.check(policy, &Key::from(*ip)).is_allowed()
);
whole!(
    /// Sliding windows.
    OurSliding, IpAddr, |refuse| vec![Rule::new(window(refuse)).algorithm(Algorithm::Sliding)],
    |limiter, policy, ip| limiter.check(policy, &Key::from(*ip)).is_allowed()
);
whole!(
    /// At the ceiling, giving up the cell nearest to idle.
    OurEvict, IpAddr, |refuse| vec![Rule::new(ours(refuse)).at_ceiling(AtCeiling::Evict)],
    |limiter, policy, ip| limiter.check(policy, &Key::from(*ip)).is_allowed()
);
whole!(
    /// At the ceiling, sharing one cell.
    OurOverflow, IpAddr, |refuse| vec![Rule::new(ours(refuse)).at_ceiling(AtCeiling::Overflow)],
    |limiter, policy, ip| limiter.check(policy, &Key::from(*ip)).is_allowed()
);
whole!(
    /// At the ceiling, turning new keys away.
    OurRefuse, IpAddr, |refuse| vec![Rule::new(ours(refuse)).at_ceiling(AtCeiling::Refuse)],
    |limiter, policy, ip| limiter.check(policy, &Key::from(*ip)).is_allowed()
);
whole!(
    /// A slot taken and given back.
    OurConcurrent, IpAddr, |_refuse| vec![Rule::concurrent(1000)],
    |limiter, policy, _ip| passed(&limiter.decide_key(policy, &Key::everyone(), 1))
);
whole!(
    /// A slot of one client taken and given back.
    OurConcurrentByKey, IpAddr, |_refuse| vec![Rule::concurrent(1000).key(limiter_core::key::Ip::new())],
    |limiter, policy, ip| passed(&limiter.decide_key(policy, &Key::from(*ip), 1))
);

#[inline]
fn passed(reply: &Reply<limiter_core::Ruling>) -> bool {
    matches!(reply, Reply::Now(ruling) if ruling.decision.is_allowed())
}

fn window(refuse: bool) -> limiter_core::Quota {
    format!("{}/h", burst(refuse)).parse().unwrap_or(limiter_core::Quota::UNLIMITED)
}

/// tokio's semaphore, which tower's `ConcurrencyLimit` is made of.
pub struct Semaphore(tokio::sync::Semaphore);

impl Rival for Semaphore {
    type Key = IpAddr;

    fn new(_: bool) -> Self {
        Semaphore(tokio::sync::Semaphore::new(1000))
    }

    #[inline]
    fn check(&self, _: &IpAddr) -> bool {
        self.0.try_acquire().is_ok()
    }
}
