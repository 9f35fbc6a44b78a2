//! What a limiter tells those who watch it. Nothing here can change a decision.

pub(crate) mod doctor;
mod observer;
mod warning;

pub use observer::{Event, Observer, StoreFailure, StoreRecovery, WarnOnly};
pub use warning::Warning;
