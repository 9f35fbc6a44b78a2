//! Who was limited, by which rule, how often: refusals as records that outlive the process.
//!
//! A [`ViolationTracker`] is an [`Observer`](crate::Observer). It counts refused requests by rule and
//! client in memory, and a task of its own writes the counts to a [`ViolationSink`] every so often,
//! one row at a time.
//!
//! ```
//! use limiter_core::event::violation::{MemorySink, ViolationTracker};
//! use limiter_core::{Limiter, Policy, Rule, key::Key};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sink = MemorySink::new();
//! let tracker = ViolationTracker::builder("gateway-1").start(sink.clone())?;
//! let limiter = Limiter::builder().observer(tracker.clone()).build();
//!
//! let policy = Policy::new("login", [Rule::new("1/min".parse()?)])?;
//! for _ in 0..3 {
//!     let _ = limiter.check(&policy, &Key::from("mallory"));
//! }
//! let report = tracker.shutdown().await;
//! assert_eq!((report.written, report.lost), (2, 0));
//! assert_eq!(sink.rows()[0].details().to_string(), r#"{"mallory:login":2}"#);
//! # Ok(())
//! # }
//! ```
//!
//! # Promises
//!
//! 1. **Nothing is lost** while the distinct pairs of rule and client stay within the cap (10,000
//!    unless stated) and the process lives.
//! 2. **Totals stay exact above the cap.** Clients that find no room are counted together, under
//!    [`OTHERS`], rule by rule.
//! 3. **An outage costs no memory.** What could not be written is counted together with what comes
//!    after it. The next attempt waits a second, and twice as long after each failure, up to a minute
//!    or the interval if that is longer. An attempt that takes ten seconds has failed.
//! 4. **Requests never wait** for the sink, and never fail because of it.
//! 5. **Shutting down is awaited**: it takes no more records, writes what there is within a deadline
//!    of five seconds, and says what was written and what is lost.
//! 6. **At least once**, or exactly once with a sink that knows a batch again by its
//!    [id](Batch::id).
//! 7. **A batch that the sink rejects** for its content is not tried again. It is reported with its
//!    total, and counted. Labels are cleaned before, so that this should not happen.
//! 8. **Every row adds up**: its details sum to its total. Labels that would collide are added
//!    together.
//! 9. **Everything can be seen**: see [`TrackerStats`].

mod backoff;
mod batch;
mod clients;
mod counts;
mod flush;
mod label;
mod settings;
mod shutdown;
mod sink;
mod stats;
#[cfg(test)]
mod tests;
mod tracker;
mod trouble;

pub use batch::{Batch, Layout, Violations};
pub use clients::Clients;
pub use label::{MOST_LABEL_BYTES, OTHERS};
pub use settings::{NotStarted, TrackerBuilder};
pub use shutdown::ShutdownReport;
#[cfg(feature = "tracing")]
pub use sink::TracingSink;
pub use sink::{JsonLinesSink, MemorySink, NoSink, SeveralSinks, SinkError, SinkFuture, ViolationSink};
#[cfg(feature = "postgres")]
pub use sink::{PostgresError, PostgresSink};
pub use stats::{Offender, TrackerStats};
pub use tracker::ViolationTracker;
pub use trouble::Trouble;
