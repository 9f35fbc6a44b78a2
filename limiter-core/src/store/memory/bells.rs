//! Waiting for what others do, or for time to pass: whichever comes first.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Somebody rang.
    Rung,
    /// The caller's own timeout.
    TimedOut,
    /// What was waited for has run out, or may have.
    RanOut,
}

/// Waits for a bell, a timeout, or until what is waited for runs out.
pub(super) async fn first(
    bell: impl Future<Output = ()>,
    mut timeout: core::pin::Pin<&mut Sleep>,
    runs_out_in: Option<Duration>,
) -> Woken {
    let mut bell = pin!(bell);
    let mut runs_out = pin!(runs_out_in.map(sleep));
    poll_fn(move |cx| {
        if bell.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Woken::Rung);
        }
        if let Some(sleep) = runs_out.as_mut().as_pin_mut()
            && sleep.poll(cx).is_ready()
        {
            return Poll::Ready(Woken::RanOut);
        }
        timeout.as_mut().poll(cx).map(|()| Woken::TimedOut)
    })
    .await
}
