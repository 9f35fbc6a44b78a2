//! How a tracker is set up.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::label::clean;
use super::sink::ViolationSink;
use super::trouble::{self, Trouble};
use super::{Clients, ViolationTracker};
use crate::time::{Clock, SystemClock};

/// Who hears of trouble.
pub(super) type Listener = Arc<dyn Fn(&Trouble<'_>) + Send + Sync>;

/// Sets up a [`ViolationTracker`].
#[must_use]
pub struct TrackerBuilder {
    pub(super) instance: Arc<str>,
    pub(super) interval: Duration,
    pub(super) jitter: bool,
    pub(super) cap: usize,
    pub(super) clients: Clients,
    pub(super) attempt: Duration,
    pub(super) deadline: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listener: Listener,
}

impl TrackerBuilder {
    pub(super) fn new(instance: &str) -> Self {
        TrackerBuilder {
            instance: clean(instance).into(),
            interval: Duration::from_secs(60),
            jitter: true,
            cap: 10_000,
            clients: Clients::shown(),
            attempt: Duration::from_secs(10),
            deadline: Duration::from_secs(5),
            clock: Arc::new(SystemClock::new()),
            listener: Arc::new(trouble::print),
        }
    }

    /// How often to write: a minute unless stated, and at least a second.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_secs(1));
        self
    }

    /// Writes on the stroke of the interval, as tests want it. Otherwise instances that start
    /// together are kept apart.
    pub fn without_jitter(mut self) -> Self {
        self.jitter = false;
        self
    }

    /// How many pairs of rule and client are told apart between two flushes: 10,000 unless stated,
    /// and at least 1.
    pub fn cap(mut self, pairs: usize) -> Self {
        self.cap = pairs.max(1);
        self
    }

    /// How clients are shown.
    pub fn clients(mut self, clients: Clients) -> Self {
        self.clients = clients;
        self
    }

    /// How long an attempt to write may take: ten seconds unless stated.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt = timeout;
        self
    }

    /// How long shutting down may take: five seconds unless stated.
    pub fn shutdown_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Tells the time of windows by another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Who hears of trouble. Unless stated it goes to standard error: the first failure in a row and
    /// every hundredth, every rejected batch, and whatever is lost.
    pub fn on_trouble(mut self, listener: impl Fn(&Trouble<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Arc::new(listener);
        self
    }

    /// Starts to count, and the task that writes to `sink`.
    ///
    /// # Errors
    ///
    /// Outside a tokio runtime.
    pub fn start(self, sink: impl ViolationSink) -> Result<ViolationTracker, NotStarted> {
        ViolationTracker::start(self, Arc::new(sink))
    }
}

impl fmt::Debug for TrackerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackerBuilder")
            .field("instance", &self.instance)
            .field("interval", &self.interval)
            .field("cap", &self.cap)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}

/// There is no tokio runtime for a tracker's task to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStarted;

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a violation tracker was started outside a tokio runtime; start it inside one")
    }
}

impl std::error::Error for NotStarted {}

/// The batch before the one that is being counted, for those who ask for offenders.
pub(super) type Last = Option<Arc<Batch>>;
