//! What all parts of one store share: what was configured, what is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::RedisConnectionInfo;
use tokio::runtime::Handle;

use super::kept::Kept;

#[derive(Debug)]
pub(super) struct Settings {
    /// Where tasks run.
    pub(super) runtime: Handle,
    /// No call takes longer.
    pub(super) deadline: Duration,
    pub(super) connect_within: Duration,
    pub(super) kept: Kept,
    /// Who we are to servers whose address is found out.
    pub(super) login: RedisConnectionInfo,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) timeouts: AtomicU64,
    pub(super) foreign: AtomicU64,
}

/// What a [`RedisStore`](super::RedisStore) has met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStats {
    /// Connections made. More than there are servers means that some were lost.
    pub connections: u64,
    /// Scripts, or functions, loaded into servers.
    pub loads: u64,
    /// Calls that got no answer in time.
    pub timeouts: u64,
    /// Calls that met a key with something in it that the limiter has not written. Such keys are left
    /// alone, and the rule's choice for store errors holds for whoever they belong to.
    pub foreign: u64,
}

impl Counts {
    pub(super) fn read(&self) -> RedisStats {
        RedisStats {
            connections: self.connections.load(Ordering::Relaxed),
            loads: self.loads.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
            foreign: self.foreign.load(Ordering::Relaxed),
        }
    }
}
