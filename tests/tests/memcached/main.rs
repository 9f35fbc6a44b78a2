//! The store at Memcached, on real servers: what it promises, and what happens when they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// How long a failure takes is part of the promise.
#![allow(clippy::disallowed_methods)]

mod barriers;
mod clocks;
mod contract;
mod counters;
mod crowd;
mod differential;
mod faults;
mod fixture;
#[path = "../../support/in_real_time.rs"]
mod in_real_time;
mod lies;
mod policies;
mod slots;
