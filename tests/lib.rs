//! Shared parts of the cross-crate tests: programs under test, and a client that hides nothing.

#[path = "support/client.rs"]
pub mod client;
#[path = "support/program.rs"]
pub mod program;
#[path = "support/proxies.rs"]
pub mod proxies;
