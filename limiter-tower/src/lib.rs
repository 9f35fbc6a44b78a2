//! Facade.

#[cfg(feature = "client")]
pub mod client;
