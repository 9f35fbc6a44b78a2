//! Behaviour vectors: what limiters that people come from did, call by call, replayed here.
//!
//! Cases of class `core` must come out as recorded. Where a recording differs from what this project
//! promises (an instant on an edge belongs to the new window; windows are exact; a changed quota
//! keeps what was used), a small model that reproduces the recording is switched to our rule, and
//! that is what must come out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod barrier;
mod cases;
mod concurrent;
mod dramatiq;
mod fastapi;
mod memory;
mod models;
mod parties;
mod posthog;
mod salvo;
mod slots;
mod subject;
mod venue;
mod windows;
