//! Why a reservation was not made.

use core::fmt;
use std::time::Duration;

use super::Span;
use crate::decision::{Decision, Name};

/// A subject that has spent its hour or its day. Displays what the caller may be told.
#[derive(Clone, Debug)]
pub struct Refused {
    subject: Name,
    span: Span,
    message: Name,
    decision: Box<Decision>,
}

impl Refused {
    pub(super) fn new(subject: Name, span: Span, message: Name, decision: Decision) -> Self {
        Refused { subject, span, message, decision: Box::new(decision) }
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject.as_str()
    }

    /// Which of its windows is spent.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// How long until the reservation could be made; `None` where waiting does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.decision.retry_after()
    }

    /// All the numbers.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Too many requests: {}", self.message)
    }
}

impl std::error::Error for Refused {}

/// Why a reservation was not made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReserveError {
    /// A subject has spent its hour or its day.
    Refused(Refused),
    /// A claim names a subject that was not declared.
    UnknownSubject {
        /// The name.
        found: String,
        /// Those that were declared.
        known: Vec<Name>,
    },
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReserveError::Refused(refused) => refused.fmt(f),
            ReserveError::UnknownSubject { found, known } => {
                write!(f, "no subject `{found}` was declared; accepted:")?;
                known.iter().try_for_each(|name| write!(f, " `{name}`"))
            }
        }
    }
}

impl std::error::Error for ReserveError {}
