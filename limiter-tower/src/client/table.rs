//! The origins a client talks to, at most so many, and the time they share.
//!
//! This file reads tokio's clock, through [`tokio::time::Instant::now`], so that a paused clock is honoured.
//! Everything it hands on counts in nanoseconds since the table was made.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use limiter_core::time::{Clock, Nanos, SystemClock};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::origin::Origin;

/// Thirty years: no wait ends later, and no platform's instants end earlier.
const FAR: Nanos = Nanos::new(30 * 365 * 86_400 * 1_000_000_000);

/// Shared by every service that one layer makes.
pub(super) struct Table {
    origins: Mutex<HashMap<String, Entry>>,
    start: OnceLock<Instant>,
    wall: OnceLock<Arc<dyn Clock>>,
}

struct Entry {
    origin: Arc<Mutex<Origin>>,
    used: Nanos,
}

impl Table {
    pub(super) fn new(wall: Option<Arc<dyn Clock>>) -> Self {
        Table {
            origins: Mutex::new(HashMap::new()),
            start: OnceLock::new(),
            wall: wall.map(OnceLock::from).unwrap_or_default(),
        }
    }

    /// Nanoseconds since the first reading.
    pub(super) fn now(&self) -> Nanos {
        let now = Instant::now();
        Nanos::from(now.saturating_duration_since(*self.start.get_or_init(|| now)))
    }

    /// The instant of a time that [`now`](Table::now) gave or will give.
    pub(super) fn instant(&self, at: Nanos) -> Instant {
        let start = *self.start.get_or_init(Instant::now);
        start + Duration::from(at.min(FAR))
    }

    /// Seconds since the Unix epoch. Only answers that name a date and have none themselves need it.
    pub(super) fn wall(&self) -> u64 {
        let clock = self.wall.get_or_init(|| Arc::new(SystemClock::new()));
        clock.wall().get() / 1_000_000_000
    }

    /// The origin of this name. At the ceiling the idle one is forgotten that mattered least: those that
    /// hold nobody back come first, then those whose wait ends first, and of equals the one used least
    /// recently. Where every origin has requests under way there is no room, and nothing is known.
    pub(super) fn origin(&self, name: String, ceiling: usize, ahead: u64) -> Option<Arc<Mutex<Origin>>> {
        let now = self.now();
        let mut origins = self.origins.lock();
        if let Some(entry) = origins.get_mut(&name) {
            entry.used = now;
            return Some(entry.origin.clone());
        }
        if origins.len() >= ceiling {
            let idle = origins.iter().filter_map(|(name, entry)| {
                // Whoever holds an origin is about to lock it, or waits in it.
                if Arc::strong_count(&entry.origin) > 1 {
                    return None;
                }
                let until = entry.origin.lock().matters_until(now);
                Some(((until, entry.used), name))
            });
            let victim = idle.min().map(|(_, name)| name.clone())?;
            origins.remove(&victim);
        }
        let origin = Arc::new(Mutex::new(Origin::new(now, ahead)));
        origins.insert(name, Entry { origin: origin.clone(), used: now });
        Some(origin)
    }

    pub(super) fn len(&self) -> usize {
        self.origins.lock().len()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("origins", &self.len()).finish_non_exhaustive()
    }
}
