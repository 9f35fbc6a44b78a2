//! A store at a real server, in time that a test moves.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params};
use limiter_core::store::contract::{StoreUnderTest, block_on};
use limiter_core::store::front::FleetOptions;
use limiter_core::store::memcached::{MemcachedBuilder, MemcachedStore};
use limiter_core::store::{Answer, Charged, Decide, Decided, Item, Mode, Operation, Reply, Store, StoreError, Subject};
use limiter_core::testing::ManualClock;
use limiter_core::time::{Clock, Nanos, Now};
use limiter_core::{AtCeiling, Key};
use smallvec::SmallVec;
use tests::memcached::Memcached;
use tokio::runtime::Runtime;

/// The servers as they are: what stands before them has tests of its own.
pub fn bare() -> MemcachedBuilder {
    let fleet = FleetOptions::bare().deadline(Duration::from_secs(10));
    MemcachedStore::builder().fleet(fleet).reply_timeout(Duration::from_secs(1))
}

/// A store, the runtime that drives it, and a clock moved by hand.
pub struct Fixture {
    pub store: MemcachedStore,
    pub clock: ManualClock,
    pub server: Option<Memcached>,
    pub runtime: Runtime,
}

impl Fixture {
    pub fn at(address: &str, server: Option<Memcached>) -> Self {
        Self::with(&[address.to_owned()], server, |builder| builder)
    }

    /// As [`Fixture::with`], with all that stands before the engine.
    pub fn whole(addresses: &[String], server: Option<Memcached>) -> Self {
        Self::with(addresses, server, |builder| builder.fleet(FleetOptions::new().deadline(PATIENT)))
    }

    /// The engine as it is: every decision asks the server.
    pub fn with(
        addresses: &[String],
        server: Option<Memcached>,
        configured: impl FnOnce(MemcachedBuilder) -> MemcachedBuilder,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let clock = ManualClock::new();
        let builder = configured(bare().clock(clock.clone()));
        let store = runtime.block_on(builder.connect(addresses)).unwrap();
        Fixture { store, clock, server, runtime }
    }

    /// As on a private server, if there is one to be had.
    pub fn private() -> Option<Self> {
        let server = Memcached::start(&[])?;
        Some(Self::at(&server.address.to_string(), Some(server)))
    }

    pub fn server(&mut self) -> &mut Memcached {
        self.server.as_mut().unwrap()
    }

    pub fn operate(&self, operation: Operation) -> Result<Answer, StoreError> {
        operate(&self.store, operation)
    }

    pub fn decide(&self, item: Item) -> Result<Decided, StoreError> {
        let decide = Decide { now: self.now(), items: SmallVec::from_iter([item]) };
        match self.operate(Operation::Decide(decide))? {
            Answer::Decided(decided) => Ok(decided),
            other => panic!("a decision was answered by {other:?}"),
        }
    }

    pub fn take(&self, key: &str, params: Params, cost: u64) -> Result<bool, StoreError> {
        self.decide(item(key, params, cost, Mode::Charge)).map(|decided| decided.allowed)
    }

    /// An instant at which a window of a key ends, if windows follow each other whether or not somebody asks.
    /// It takes a charge to see one.
    pub fn edge(&self, subject: Subject, params: Params) -> Option<Nanos> {
        let by_the_clock = matches!(params.algorithm(), Algorithm::Fixed | Algorithm::Sliding);
        if !by_the_clock || params.offset().is_some() {
            return None;
        }
        let decided = self.decide(Item { subject, ..item("", params, 1, Mode::Charge) }).ok()?;
        Some(decided.items.first().unwrap().state.fresh_at)
    }

    /// Lets time pass until the next window begins, where one edge is known.
    pub fn reach_edge(&self, edge: Nanos, params: &Params) {
        let period = params.period();
        let into = (self.now().monotonic.get() + period - edge.get() % period) % period;
        self.clock.advance(Duration::from_nanos((period - into) % period));
    }

    /// Waits until the store is used again after a failure.
    pub fn recover(&self) -> Duration {
        let params = params(Algorithm::Fixed, "1000000/h");
        let mut waited = Duration::ZERO;
        while self.decide(item("is it there", params, 0, Mode::Peek)).is_err() {
            assert!(waited < Duration::from_secs(10), "the store is not used again");
            // Connections are made in the background; there is nobody to ask when.
            std::thread::sleep(Duration::from_millis(5));
            waited += Duration::from_millis(5);
        }
        waited
    }
}

/// The machine is busy with other tests.
const PATIENT: Duration = Duration::from_secs(2);

/// Waits for the answer to an operation, on a thread that is not the runtime's.
pub fn operate(store: &impl Store, operation: Operation) -> Result<Answer, StoreError> {
    match store.submit(operation) {
        Reply::Now(answer) => answer,
        Reply::Later(answer) => block_on(answer),
    }
}

pub fn params(algorithm: Algorithm, quota: &str) -> Params {
    Params::new(algorithm, quota.parse().unwrap()).unwrap()
}

pub fn subject(key: &str) -> Subject {
    Subject::named("policy test", Key::from(key))
}

pub fn item(key: &str, params: Params, cost: u64, mode: Mode) -> Item {
    Item { budget: 1, subject: subject(key), params, cost, mode, at_ceiling: AtCeiling::default(), settles: false }
}

/// What a decision charged, to be settled.
pub fn charged(item: &Item, decided: &Decided, now: Now) -> Charged {
    item.charged(decided.items.first().unwrap(), now)
}

impl StoreUnderTest for Fixture {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn now(&self) -> Now {
        Now { monotonic: self.clock.monotonic(), wall: self.clock.wall() }
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn reach_window(&self, subject: &Subject, params: &Params) {
        if let Some(edge) = self.edge(subject.clone(), *params) {
            // The charge that told has worn off by then.
            self.clock.advance(Duration::from_nanos(3 * params.period()));
            self.reach_edge(edge, params);
        }
    }

    fn fail(&self, failing: bool) -> bool {
        let Some(server) = &self.server else { return false };
        if failing {
            server.freeze();
        } else {
            server.thaw();
            self.recover();
        }
        true
    }
}
