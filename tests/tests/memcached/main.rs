//! The store at Memcached, on real servers: what it promises, and what happens when they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contract;
mod fixture;
