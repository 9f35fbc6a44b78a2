//! Keyed counters with bounds, and events: what limiters of your own can be built from.
//!
//! # Promises
//!
//! Every store of counters keeps these. The suite [`contract::counters`](super::contract) checks them.
//!
//! 1. **Atomic.** Each call is one indivisible step: of all that add, increment or decrement at
//!    once, as many succeed as one after the other would.
//! 2. **Bounds.** No call leaves a counter beyond the bound it was given, or beyond [`LARGEST`].
//! 3. **Refusals change nothing:** neither the value nor the lifetime. [`Counters::incr_and_sum`]
//!    may begin a counter at 0 that was not there.
//! 4. **Absent is 0.** A counter that is not there starts at 0; one that is 0 is there.
//! 5. **Lifetimes.** A counter is gone when its lifetime has passed since it was added or last
//!    changed, and at that very instant; so is an event since it was last notified.
//! 6. **Events are sticky.** A wait that begins before or after the notification ends at once, for
//!    everybody who waits, until the event's lifetime is over.
//! 7. **True timeouts.** A wait for an event that does not come ends no earlier than its timeout.
//! 8. **Keys are apart,** and so are counters and events of the same key.

use core::fmt;
use std::time::Duration;

use super::{Lifetime, Reply, StoreError};

/// No counter goes beyond this, nor below its negative: 2^53, up to which every store counts exactly.
pub const LARGEST: i64 = 1 << 53;

/// A place where counters and events are kept. See the [module](self) for what it promises.
///
/// Every call fails with a [`StoreError`] when the store cannot do it, or has no room for another
/// key. All but [`wait`](Counters::wait) are under way when they return: dropping a pending answer
/// abandons the answer alone.
pub trait Counters: Send + Sync + fmt::Debug + 'static {
    /// The value of a counter, if it is there.
    fn get(&self, key: &str) -> Reply<Result<Option<i64>, StoreError>>;

    /// Begins a counter. `false`, and nothing changes, if it is there, or the value is beyond
    /// [`LARGEST`].
    fn add(&self, key: &str, value: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>>;

    /// Adds to a counter and begins its lifetime anew. `false`, and nothing changes, if that would
    /// exceed `maximum`.
    fn incr(&self, key: &str, amount: u32, maximum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>>;

    /// Subtracts from a counter and begins its lifetime anew. `false`, and nothing changes, if that
    /// would go below `minimum`.
    fn decr(&self, key: &str, amount: u32, minimum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>>;

    /// Adds to a counter and begins its lifetime anew. `false`, and nothing changes, if its new
    /// value, or the amount and the sum of `keys` together, would exceed `maximum`. The counter need
    /// not be one of `keys`; a key that is named twice counts twice.
    fn incr_and_sum(
        &self,
        key: &str,
        keys: &[String],
        amount: u32,
        maximum: i64,
        lifetime: Lifetime,
    ) -> Reply<Result<bool, StoreError>>;

    /// Waits for an event, and says whether it came before the timeout had passed.
    /// [`Duration::MAX`] waits for ever. Dropping the answer is safe.
    fn wait(&self, event: &str, timeout: Duration) -> Reply<Result<bool, StoreError>>;

    /// Wakes everybody who waits for an event, and whoever comes to wait during its lifetime.
    fn notify(&self, event: &str, lifetime: Lifetime) -> Reply<Result<(), StoreError>>;
}

/// For stores: the value after a change of `by`, if it stays within both its bound and [`LARGEST`].
///
/// ```
/// use limiter_core::store::counters::{LARGEST, changed};
///
/// assert_eq!(changed(2, 1, |value| value <= 3), Some(3));
/// assert_eq!(changed(3, 1, |value| value <= 3), None);
/// assert_eq!(changed(LARGEST, 1, |_| true), None);
/// ```
#[must_use]
pub fn changed(value: i64, by: i64, fits: impl FnOnce(i64) -> bool) -> Option<i64> {
    value.checked_add(by).filter(|value| value.unsigned_abs() <= LARGEST.unsigned_abs() && fits(*value))
}
