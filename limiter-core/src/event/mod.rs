//! What a limiter tells those who watch it. Nothing here can change a decision.

pub(crate) mod doctor;
mod fanout;
mod observer;
#[cfg(feature = "violations")]
pub mod violation;
mod warning;

pub use fanout::Observers;
pub use observer::{Event, Observer, StoreFailure, StoreRecovery, WarnOnly};
pub use warning::Warning;
