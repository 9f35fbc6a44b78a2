//! What a limiter tells those who watch it. Nothing here can change a decision.

pub(crate) mod doctor;
mod fanout;
#[cfg(feature = "metrics")]
pub mod metrics;
mod observer;
#[cfg(any(feature = "metrics", feature = "tracing"))]
mod per_rule;
#[cfg(feature = "tracing")]
pub mod tracing;
#[cfg(feature = "violations")]
pub mod violation;
mod warning;

pub use fanout::Observers;
pub use observer::{Event, Observer, StoreFailure, StoreRecovery, WaitOver, WarnOnly};
pub use warning::Warning;
