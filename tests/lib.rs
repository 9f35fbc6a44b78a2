//! Shared parts of the cross-crate tests: programs under test, clients that hide nothing, and those of others.

#[path = "support/browser.rs"]
pub mod browser;
#[path = "support/client.rs"]
pub mod client;
#[path = "support/memcached.rs"]
pub mod memcached;
#[path = "support/postgres.rs"]
pub mod postgres;
#[path = "support/program.rs"]
pub mod program;
#[path = "support/proxies.rs"]
pub mod proxies;
#[path = "support/redis.rs"]
pub mod redis;
#[path = "support/require.rs"]
pub mod require;
#[path = "support/tcp_proxy.rs"]
pub mod tcp_proxy;

/// The README's code compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub mod readme {}

/// So does that of the page for those who come from another limiter.
#[cfg(doctest)]
#[doc = include_str!("../docs/porting.md")]
pub mod porting {}
