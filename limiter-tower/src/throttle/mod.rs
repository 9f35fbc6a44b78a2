//! Limits on calls that are not requests: async functions, closures, and services of any kind.
//!
//! [`#[throttle]`](macro@crate::throttle) is the attribute, [`Throttle`] the same by hand, and
//! [`ThrottleLayer`] the same around a tower service whose requests are not HTTP's, or not incoming.

mod layer;
mod outcome;
mod site;
mod wrapper;

pub use layer::{ThrottleLayer, Throttled};
pub use limiter_core::{Claim, Exceeded, Held, RateLimitExceeded, Wait};
pub use wrapper::Throttle;

/// What the code of the attribute calls; it changes with the attribute.
#[doc(hidden)]
pub mod private {
    pub use limiter_core::{Algorithm, OnStoreError};

    pub use super::outcome::{settle_cost, settle_counted, settle_result};
    pub use super::site::{Site, Units, cost, everybody, key, quota};
    pub use crate::spec::{Settled, Spec};
}
