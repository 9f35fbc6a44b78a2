//! What a paced client fails with: its own refusal to wait that long, or the inner service's error.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A request was not sent, because it would have had to wait longer than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacedError {
    wait: Duration,
    max_wait: Duration,
}

impl PacedError {
    pub(super) fn new(wait: Duration, max_wait: Duration) -> Self {
        PacedError { wait, max_wait }
    }

    /// How long a request sent now would have to wait, as far as is known: it may be longer.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// How long it may wait.
    #[must_use]
    pub fn max_wait(&self) -> Duration {
        self.max_wait
    }
}

impl fmt::Display for PacedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the request was not sent: the server's limit asks for a wait of {:?}, and at most {:?} is accepted",
            self.wait, self.max_wait
        )
    }
}

impl Error for PacedError {}

/// The error of a paced client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaceError<E> {
    /// The error of the inner service.
    Inner(E),
    /// The request was not sent.
    Paced(PacedError),
}

impl<E> PaceError<E> {
    /// The refusal to wait that long, if this is one.
    #[must_use]
    pub fn paced(&self) -> Option<&PacedError> {
        match self {
            PaceError::Inner(_) => None,
            PaceError::Paced(error) => Some(error),
        }
    }

    /// The error of the inner service, if this is one.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            PaceError::Inner(error) => Some(error),
            PaceError::Paced(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for PaceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PaceError::Inner(error) => error.fmt(f),
            PaceError::Paced(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for PaceError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Shown as itself, so its cause is the cause.
            PaceError::Inner(error) => error.source(),
            PaceError::Paced(_) => None,
        }
    }
}
