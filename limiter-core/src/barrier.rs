//! A barrier by its name: parties that wait for each other, wherever they run.

use core::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::store::{Arrival, AtTimeout, Barriers, Lifetime, Reply, StoreError, Waited};

/// A handle to one barrier of a store; clones are the same barrier, and so are two handles of one
/// name on one store.
///
/// ```
/// use limiter_core::Barrier;
/// use limiter_core::store::{Arrival, Waited, memory::MemoryBarriers};
/// use std::{num::NonZeroU32, time::Duration};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let barrier = Barrier::new(MemoryBarriers::new(), "nightly");
/// assert_eq!(barrier.arrive("import").await?, Arrival::NoSuchBarrier);
/// assert!(barrier.create(NonZeroU32::new(2).unwrap()).await?);
///
/// // Asking twice counts once.
/// for _ in 0..2 {
///     assert_eq!(barrier.wait("import", Duration::from_millis(5)).await?, Waited::TimedOut);
/// }
/// assert!(barrier.arrive("export").await?.is_cleared());
/// assert_eq!(barrier.wait("import", Duration::from_secs(1)).await?, Waited::Cleared);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Barrier {
    store: Arc<dyn Barriers>,
    name: Arc<str>,
    lifetime: Lifetime,
    at_timeout: AtTimeout,
}

impl Barrier {
    /// The barrier of this name. It lives for a quarter of an hour at a time.
    #[must_use]
    pub fn new(store: impl Barriers, name: &str) -> Self {
        Self::shared(Arc::new(store), name)
    }

    /// As [`Barrier::new`], on a store that others use too.
    #[must_use]
    pub fn shared(store: Arc<dyn Barriers>, name: &str) -> Self {
        Barrier { store, name: Arc::from(name), lifetime: Lifetime::QUARTER_HOUR, at_timeout: AtTimeout::default() }
    }

    /// How long it lives once created, and again after each arrival that does not clear it.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// What becomes of an arrival whose wait times out or is given up; it counts unless stated.
    #[must_use]
    pub fn at_timeout(mut self, choice: AtTimeout) -> Self {
        self.at_timeout = choice;
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the barrier, for so many parties. `false` if it is there already, cleared or not.
    ///
    /// # Errors
    ///
    /// When the store cannot do it.
    pub async fn create(&self, parties: NonZeroU32) -> Result<bool, StoreError> {
        answer(self.store.create(&self.name, parties, self.lifetime)).await
    }

    /// Arrives without waiting. A party counts once, however often it arrives.
    ///
    /// # Errors
    ///
    /// When the store cannot do it.
    pub async fn arrive(&self, party: &str) -> Result<Arrival, StoreError> {
        answer(self.store.arrive(&self.name, Some(party))).await
    }

    /// Arrives without waiting and without a name: each call counts as another party.
    ///
    /// # Errors
    ///
    /// When the store cannot do it.
    pub async fn arrive_unnamed(&self) -> Result<Arrival, StoreError> {
        answer(self.store.arrive(&self.name, None)).await
    }

    /// Arrives, and waits for the others.
    ///
    /// # Cancel safety
    ///
    /// Dropping this once it waits is a timeout that nobody hears of: see [`Barrier::at_timeout`].
    ///
    /// # Errors
    ///
    /// When the store cannot do it.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or in one without a timer.
    pub async fn wait(&self, party: &str, timeout: Duration) -> Result<Waited, StoreError> {
        let arrival = self.arrive(party).await?;
        self.wait_after(arrival, timeout).await
    }

    /// As [`Barrier::wait`] without a name: each call counts as another party.
    ///
    /// # Errors
    ///
    /// As [`Barrier::wait`].
    ///
    /// # Panics
    ///
    /// As [`Barrier::wait`].
    pub async fn wait_unnamed(&self, timeout: Duration) -> Result<Waited, StoreError> {
        let arrival = self.arrive_unnamed().await?;
        self.wait_after(arrival, timeout).await
    }

    async fn wait_after(&self, arrival: Arrival, timeout: Duration) -> Result<Waited, StoreError> {
        match arrival {
            Arrival::Cleared { .. } => Ok(Waited::Cleared),
            Arrival::NoSuchBarrier => Ok(Waited::NoSuchBarrier),
            Arrival::Waiting { ticket, .. } => answer(self.store.wait(&ticket, timeout, self.at_timeout)).await,
        }
    }
}

async fn answer<T>(reply: Reply<T>) -> T {
    match reply {
        Reply::Now(answer) => answer,
        Reply::Later(answer) => answer.await,
    }
}
