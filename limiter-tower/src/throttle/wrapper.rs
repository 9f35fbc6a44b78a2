//! Throttling by hand.

use core::future::Future;

use limiter_core::{Claim, Held, Key, Limiter, Policy, RateLimitExceeded, Wait};

/// A limit around closures: each call waits for its turn, or is refused.
///
/// # Examples
///
/// ```
/// use limiter_tower::throttle::{RateLimitExceeded, Throttle};
/// use limiter_tower::{Global, Limiter, Policy, Rule};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::new("mails", [Rule::new("2/min".parse()?).key(Global)])?;
/// let mails = Throttle::new(Limiter::in_memory(), policy).max_wait(Duration::from_millis(10));
///
/// async fn send(to: &str) -> usize {
///     to.len()
/// }
/// assert_eq!(mails.run("example.org", || send("alice")).await?, 5);
/// assert_eq!(mails.run("example.org", || send("bob")).await?, 3);
/// let refused: RateLimitExceeded = mails.run("example.org", || send("carol")).await.unwrap_err();
/// assert_eq!(refused.rule(), Some("mails"));
/// assert!(mails.run("example.com", || send("dave")).await.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Throttle {
    limiter: Limiter,
    policy: Policy,
    wait: Wait,
}

impl Throttle {
    /// A limit that refuses rather than waits.
    #[must_use]
    pub fn new(limiter: Limiter, policy: Policy) -> Self {
        Throttle { limiter, policy, wait: Wait::up_to(core::time::Duration::ZERO) }
    }

    /// For how long a call waits at most.
    #[must_use]
    pub fn max_wait(self, longest: core::time::Duration) -> Self {
        self.wait(Wait::up_to(longest))
    }

    /// For how long a call waits, and beside how many others.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Runs `work` when its turn has come. Slots of concurrent limits are held until it has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping this gives up the place in the queue, or the slots.
    ///
    /// # Errors
    ///
    /// When the call is refused; `work` has not begun then.
    pub async fn run<T, F>(&self, key: impl Into<Key>, work: impl FnOnce() -> F) -> Result<T, RateLimitExceeded>
    where
        F: Future<Output = T>,
    {
        let _held = self.acquire(key).await?;
        Ok(work().await)
    }

    /// As [`run`](Self::run), for work that may fail by itself.
    ///
    /// # Errors
    ///
    /// When the call is refused, and when `work` fails.
    pub async fn try_run<T, E, F>(&self, key: impl Into<Key>, work: impl FnOnce() -> F) -> Result<T, E>
    where
        E: From<RateLimitExceeded>,
        F: Future<Output = Result<T, E>>,
    {
        let _held = self.acquire(key).await?;
        work().await
    }

    /// Waits for its turn alone, for work that is not one closure.
    ///
    /// # Errors
    ///
    /// When the call is refused.
    pub fn acquire<K: Into<Key>>(
        &self,
        key: K,
    ) -> impl Future<Output = Result<Held, RateLimitExceeded>> + Send + use<K> {
        self.limiter.claim(Claim::new(&self.policy, &key.into()), self.wait)
    }
}
