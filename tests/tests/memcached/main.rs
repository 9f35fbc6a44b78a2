//! The store at Memcached, on real servers: what it promises, and what happens when they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// How long a failure takes is part of the promise.
#![allow(clippy::disallowed_methods)]

mod clocks;
mod contract;
mod crowd;
mod differential;
mod faults;
mod fixture;
mod lies;
mod policies;
mod slots;
