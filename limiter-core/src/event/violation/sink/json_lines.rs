//! Rows as lines of JSON, to standard output or a file. Rotation is left to the system.

use core::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{SinkError, SinkFuture, ViolationSink};
use crate::event::violation::{Batch, Layout};

/// Writes each row as one line of JSON, off the runtime's own threads.
///
/// ```
/// use limiter_core::event::violation::{JsonLinesSink, ViolationTracker};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tracker = ViolationTracker::builder("gateway-1").start(JsonLinesSink::stdout())?;
/// tracker.record("login", &"mallory".into());
/// // {"batch_id":"..","details":{"mallory:login":1},"instance":"gateway-1","total_count":1,..}
/// assert_eq!(tracker.shutdown().await.written, 1);
/// # Ok(())
/// # }
/// ```
pub struct JsonLinesSink {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    layout: Layout,
}

impl JsonLinesSink {
    /// To any writer.
    #[must_use]
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        JsonLinesSink { writer: Arc::new(Mutex::new(Box::new(writer))), layout: Layout::default() }
    }

    /// To standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }

    /// To the end of a file, which is made if there is none. Have the system rotate it by copying and
    /// truncating: it stays open.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let file: File = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self::new(file))
    }

    /// How details are laid out.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }
}

impl ViolationSink for JsonLinesSink {
    fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a> {
        let line = format!("{}\n", batch.to_json(self.layout));
        let writer = Arc::clone(&self.writer);
        Box::pin(async move {
            let write = move || {
                let mut writer = writer.lock();
                writer.write_all(line.as_bytes()).and_then(|()| writer.flush())
            };
            match tokio::task::spawn_blocking(write).await {
                Ok(Ok(())) => Ok(()),
                // Part of the line may be there.
                Ok(Err(error)) => Err(SinkError::uncertain(error)),
                Err(error) => Err(SinkError::uncertain(error)),
            }
        })
    }
}

impl fmt::Debug for JsonLinesSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesSink").field("layout", &self.layout).finish_non_exhaustive()
    }
}
