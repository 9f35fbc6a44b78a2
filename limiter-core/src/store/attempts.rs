//! When to try again to connect.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::jitter::shortened;

/// The first pause after a connection was given up; it doubles up to the longest.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(10);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Attempts to connect, one after the other.
pub(crate) struct Attempts {
    pause: Duration,
    began: Instant,
}

impl Attempts {
    /// The first of them after such a pause from now on.
    pub(crate) fn after(pause: Duration) -> Self {
        Attempts { pause, began: Instant::now() }
    }

    /// Waits for the next. An attempt that got no answer has taken its time already.
    pub(crate) async fn next(&mut self) {
        // Half of it to all of it, so that a fleet does not come back at one instant.
        sleep_until(self.began + shortened(self.pause, self.pause / 2)).await;
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.began = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest_and_count_from_when_the_attempt_began() {
        let mut attempts = Attempts::after(Duration::ZERO);
        for pause in [0, 10, 20, 40, 80, 160, 320, 500, 500] {
            let (began, pause) = (Instant::now(), Duration::from_millis(pause));
            attempts.next().await;
            let took = began.elapsed();
            assert!(took >= pause / 2 && took <= pause + Duration::from_millis(1), "{took:?} of {pause:?}");
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        let began = Instant::now();
        attempts.next().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
