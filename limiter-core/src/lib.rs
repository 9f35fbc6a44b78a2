//! The engine of `limiter`: quotas, algorithms, keys, trusted client addresses, bounded stores.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod key_notation;
pub mod quota;

#[cfg(feature = "std")]
pub mod access;
#[cfg(feature = "std")]
pub mod algorithm;
#[cfg(feature = "std")]
mod barrier;
#[cfg(feature = "std")]
pub mod bucketed;
#[cfg(feature = "std")]
pub mod decision;
#[cfg(feature = "std")]
pub mod event;
#[cfg(feature = "std")]
mod few;
#[cfg(feature = "std")]
mod joined;
#[cfg(feature = "std")]
pub mod key;
#[cfg(feature = "std")]
pub mod limiter;
#[cfg(feature = "std")]
pub mod policy;
#[cfg(feature = "wait")]
pub mod queue;
#[cfg(feature = "std")]
pub mod rule;
#[cfg(feature = "std")]
pub mod settle;
mod statuses;
#[cfg(feature = "std")]
pub mod store;
#[cfg(feature = "std")]
pub mod subject;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "std")]
pub mod time;

#[cfg(feature = "wait")]
pub use crate::limiter::Wait;
#[cfg(feature = "std")]
pub use crate::{
    access::{AccessList, Denied, DeniedBy, Refusal},
    algorithm::Algorithm,
    barrier::Barrier,
    decision::{Decision, Name, Outcome, Source, Usage},
    event::{Observer, Warning},
    key::{Key, KeySource, Missing},
    limiter::{
        Applied, AppliedWatch, Claim, Enforcement, Exceeded, Held, Limiter, LimiterBuilder, Permit, RateLimitExceeded,
        Receipt, Ruling, Terms,
    },
    policy::{Declared, Policy, PolicyError},
    rule::{AtCeiling, Cost, Limit, MethodClass, OnStoreError, Rule},
    settle::{Reservation, Settle, Settlement, Settling},
    store::{Reply, Store},
};
pub use key_notation::KeyNotation;
#[cfg(feature = "wait")]
pub use queue::Queue;
pub use quota::Quota;
pub use statuses::{Statuses, StatusesError};
