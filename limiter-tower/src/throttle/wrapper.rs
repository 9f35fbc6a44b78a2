//! Throttling by hand.

use core::future::Future;

use super::outcome::settle_result;
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
    /// Rules that settle by outcome count it as it was charged, since nothing is known of what it
    /// returns: [`try_run`](Self::try_run) knows what failed, and with [`acquire`](Self::acquire) you say it.
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

    /// As [`run`](Self::run), for work that may fail by itself. Rules that settle by outcome are told
    /// whether it did; work that panics or is given up counts as it was charged.
    ///
    /// ```
    /// use limiter_tower::throttle::{RateLimitExceeded, Throttle};
    /// use limiter_tower::{Global, Limiter, Policy, Rule, Settle};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let failures = Rule::new("2/min".parse()?).key(Global).settle(Settle::failed());
    /// let calls = Throttle::new(Limiter::in_memory(), Policy::new("calls", [failures])?);
    ///
    /// async fn call(is_fine: bool) -> Result<(), String> {
    ///     if is_fine { Ok(()) } else { Err("it does not answer".to_owned()) }
    /// }
    /// for is_fine in [true, false, true, true, false] {
    ///     let called = calls.try_run("example.org", || async {
    ///         call(is_fine).await.map_err(Box::<dyn std::error::Error>::from)
    ///     });
    ///     assert_eq!(called.await.is_ok(), is_fine);
    /// }
    /// // Two failures are enough for this minute.
    /// assert!(calls.acquire("example.org").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the call is refused, and when `work` fails.
    pub async fn try_run<T, E, F>(&self, key: impl Into<Key>, work: impl FnOnce() -> F) -> Result<T, E>
    where
        E: From<RateLimitExceeded>,
        F: Future<Output = Result<T, E>>,
    {
        let mut held = self.acquire(key).await?;
        let outcome = work().await;
        settle_result(&mut held, &outcome);
        outcome
    }

    /// Waits for its turn alone, for work that is not one closure. What it was may be said to what is
    /// held: [how it went](Held::succeeded), or [what it cost](Held::settle).
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
