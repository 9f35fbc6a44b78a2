//! Why a call came to nothing, and what others are told of it.

use core::fmt;

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::StoreError;

/// Why a call to a server came to nothing.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// There is no connection. Nothing was sent.
    Down,
    /// No answer came in time; the server may yet do what it was asked.
    Timeout,
    /// The server holds something under a key that no script of ours has written.
    Foreign(String),
    /// Anything else.
    Server(RedisError),
    /// An answer that no script of ours gives.
    Unreadable,
}

/// An operation that cannot be put to any server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    NoFleetSecret,
    Unsupported,
}

/// What makes a fault of ours known to be one of ours in a message of a server.
const FOREIGN: &str = "LIMITERFOREIGN";

impl Failure {
    /// Where a key has moved to, for this call or for good.
    pub(super) fn redirect(&self) -> Option<(String, bool)> {
        let Failure::Server(error) = self else { return None };
        let (address, _) = error.redirect_node()?;
        Some((address.to_owned(), error.kind() == ErrorKind::Server(ServerErrorKind::Ask)))
    }

    /// Whether the map of the cluster may be out of date.
    pub(super) fn is_topological(&self) -> bool {
        match self {
            Failure::Down | Failure::Timeout => true,
            Failure::Server(error) => error.is_cluster_error() || error.is_io_error(),
            Failure::Foreign(_) | Failure::Unreadable => false,
        }
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        match error.code() {
            Some(FOREIGN | "WRONGTYPE") => Failure::Foreign(error.to_string()),
            _ => Failure::Server(error),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Timeout => StoreError::timeout(),
            Failure::Down => StoreError::unavailable("there is no connection to the server"),
            Failure::Foreign(what) => StoreError::foreign(what),
            // As text: the client's types stay inside.
            Failure::Server(error) => StoreError::unavailable(error.to_string()),
            Failure::Unreadable => StoreError::unavailable("the server's answer is none of ours"),
        }
    }
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoFleetSecret => StoreError::foreign(crate::store::key_text::NoFleetSecret),
            Refused::Unsupported => StoreError::unsupported(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Down => f.write_str("there is no connection to the server"),
            Failure::Timeout => f.write_str("the server did not answer in time"),
            Failure::Foreign(what) => f.write_str(what),
            Failure::Server(error) => error.fmt(f),
            Failure::Unreadable => f.write_str("the server's answer is none of ours"),
        }
    }
}
