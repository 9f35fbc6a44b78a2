//! What stands before a shared store: deadlines, denials known here, decisions made together, and what
//! happens while the store fails. On a clock that moves only when everybody waits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alone;
mod aside;
mod behind;
mod contract;
mod deadlines;
mod denials;
mod many;
mod outages;
mod together;
mod wire;
