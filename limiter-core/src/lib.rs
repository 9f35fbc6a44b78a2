//! Rate-limiting engine.

#[cfg(feature = "std")]
pub mod key;
