//! Asking again and again until something has happened.

use core::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep, timeout};

const FIRST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(50);
/// So many failures in a row end a wait: a second of them or more.
const FAILURES: u32 = 20;
/// As good as for ever, and no clock overflows.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 10);

/// The pauses of one wait.
pub(super) struct Pauses {
    end: Pin<Box<Sleep>>,
    pause: Duration,
    failures: u32,
}

impl Pauses {
    pub(super) fn within(limit: Duration) -> Self {
        Pauses { end: Box::pin(sleep(limit.min(FOR_EVER))), pause: FIRST, failures: 0 }
    }

    /// Pauses before the next look; `false` when the time is over.
    pub(super) async fn pause(&mut self) -> bool {
        let over = timeout(self.pause, self.end.as_mut()).await.is_ok();
        self.pause = (self.pause * 2).min(LONGEST);
        !over
    }

    /// Notes whether a look failed; whether that can be borne for now.
    pub(super) fn bears(&mut self, failed: bool) -> bool {
        self.failures = if failed { self.failures + 1 } else { 0 };
        self.failures < FAILURES
    }
}
