//! What goes wrong between this process and a server.

use core::fmt;
use std::sync::Arc;

use super::protocol::{Malformed, Reply};
use crate::store::StoreError;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// There is no connection: nothing was sent.
    Down(Arc<str>),
    /// Too many answers are awaited already: nothing was sent.
    Crowded,
    /// The connection broke: the command may have been carried out, or not.
    Broken(Arc<str>),
    /// The server did not answer in time: it may yet carry the command out.
    Overdue,
    /// The server answered that it cannot, or what makes no sense after this command.
    Refused(Arc<str>),
    /// What is kept under a key was not put there by this store.
    Foreign,
    /// A key holds a secret, and the fleet has none to hash it under.
    NoFleetSecret,
    /// Others changed the key each time this process was about to.
    Contended,
}

impl Fault {
    /// What a reply comes to that is none of those which the command has in view: the server says why it
    /// cannot, or it makes no sense.
    pub(super) fn of(reply: Option<&Reply>) -> Self {
        match reply {
            Some(Reply::Mistaken(why) | Reply::Failed(why)) => Fault::Refused(why.as_str().into()),
            _ => Fault::unexpected(),
        }
    }

    /// A reply that makes no sense after the command it belongs to.
    pub(super) fn unexpected() -> Self {
        Fault::Refused("the reply does not belong to the command".into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Down(why) => write!(f, "no connection to memcached: {why}"),
            Fault::Crowded => f.write_str("too many answers of memcached are awaited already"),
            Fault::Broken(why) => write!(f, "the connection to memcached broke: {why}"),
            Fault::Overdue => f.write_str("memcached did not answer in time"),
            Fault::Refused(why) => write!(f, "memcached cannot do it: {why}"),
            Fault::Foreign => f.write_str("a value at memcached was not written by this store"),
            Fault::NoFleetSecret => f.write_str("a key holds a secret, and no `fleet_secret` is set to hash it under"),
            Fault::Contended => f.write_str("others keep changing the same key at memcached"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Fault::Broken(malformed.to_string().into())
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Fault::Broken(error.to_string().into())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Overdue => StoreError::timeout(),
            // The server is well, it is this key that is not.
            Fault::Foreign | Fault::Contended | Fault::NoFleetSecret => StoreError::foreign(fault),
            fault => StoreError::unavailable(fault),
        }
    }
}
