//! The store in Redis against servers of the tests' own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "redis/contract.rs"]
mod contract;
#[path = "redis/desk.rs"]
mod desk;
#[path = "redis/differential.rs"]
mod differential;
#[path = "redis/faults.rs"]
mod faults;
#[path = "redis/foreign.rs"]
mod foreign;
#[path = "redis/leases.rs"]
mod leases;
#[path = "redis/places.rs"]
mod places;
#[path = "redis/waiting.rs"]
mod waiting;
