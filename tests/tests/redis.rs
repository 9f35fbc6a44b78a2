//! The store in Redis against servers of the tests' own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "redis/contract.rs"]
mod contract;
