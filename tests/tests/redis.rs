//! The store in Redis against servers of the tests' own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "redis/contract.rs"]
mod contract;
#[path = "redis/desk.rs"]
mod desk;
#[path = "redis/differential.rs"]
mod differential;
#[path = "redis/explain.rs"]
mod explain;
#[path = "redis/faults.rs"]
mod faults;
#[path = "redis/foreign.rs"]
mod foreign;
#[path = "redis/functions.rs"]
mod functions;
#[path = "../support/in_real_time.rs"]
mod in_real_time;
#[path = "redis/lean.rs"]
mod lean;
#[path = "redis/leases.rs"]
mod leases;
#[path = "redis/places.rs"]
mod places;
#[path = "redis/subjects.rs"]
mod subjects;
#[path = "redis/together.rs"]
mod together;
#[path = "redis/vectors.rs"]
mod vectors;
#[path = "redis/waiting.rs"]
mod waiting;

// How vectors are replayed is said once, beside the replays in memory.
#[path = "../../limiter-core/tests/vectors/cases.rs"]
mod cases;
#[path = "../../limiter-core/tests/vectors/models.rs"]
#[allow(dead_code, reason = "the vectors of one model are for memory alone")]
mod models;
#[path = "../../limiter-core/tests/vectors/parties.rs"]
mod parties;
#[path = "../../limiter-core/tests/vectors/slots.rs"]
mod slots;
#[path = "../../limiter-core/tests/vectors/venue.rs"]
mod venue;
#[path = "../../limiter-core/tests/vectors/windows.rs"]
mod windows;
