//! Why a store could not decide.

use core::fmt;
use std::sync::Arc;

/// A store could not do what it was asked. Never a refusal.
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreErrorKind {
    Foreign,
    LeftAlone,
    Timeout,
    Unavailable,
    Unsupported,
}

impl StoreError {
    /// The store did not answer in time; it may yet do what it was asked.
    #[must_use]
    pub fn timeout() -> Self {
        StoreError { kind: StoreErrorKind::Timeout, source: None }
    }

    /// The store cannot be reached or refuses to work.
    #[must_use]
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError { kind: StoreErrorKind::Unavailable, source: Some(source.into().into()) }
    }

    /// What the store holds under this very key is nothing that it can decide by. Other keys are well.
    #[must_use]
    pub fn foreign(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError { kind: StoreErrorKind::Foreign, source: Some(source.into().into()) }
    }

    /// The store failed before, and is not asked again for a short while.
    #[must_use]
    pub fn left_alone() -> Self {
        StoreError { kind: StoreErrorKind::LeftAlone, source: None }
    }

    /// The store does not know the operation.
    #[must_use]
    pub fn unsupported() -> Self {
        StoreError { kind: StoreErrorKind::Unsupported, source: None }
    }

    /// The same, and why.
    #[cfg(feature = "memcached")]
    pub(crate) fn unsupported_since(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError { kind: StoreErrorKind::Unsupported, source: Some(source.into().into()) }
    }

    /// Whether the store did not answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == StoreErrorKind::Timeout
    }

    /// What went wrong, in one word of a few: for labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.kind {
            StoreErrorKind::Foreign => "foreign",
            StoreErrorKind::LeftAlone => "left_alone",
            StoreErrorKind::Timeout => "timeout",
            StoreErrorKind::Unavailable => "unavailable",
            StoreErrorKind::Unsupported => "unsupported",
        }
    }

    /// Whether the store failed as a whole, rather than at this operation alone.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        !matches!(self.kind, StoreErrorKind::Foreign | StoreErrorKind::Unsupported)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Foreign => "the store holds something else under this key",
            StoreErrorKind::LeftAlone => "the store failed before and is left alone for a while",
            StoreErrorKind::Timeout => "the store did not answer in time",
            StoreErrorKind::Unavailable => "the store is not available",
            StoreErrorKind::Unsupported => "the store does not support this operation",
        })
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
