//! The part of Memcached's text protocol that the store speaks: the meta commands, as functions of
//! bytes. Nothing here knows a socket.
//!
//! Replies carry nothing that says which command they belong to (old servers cannot be asked for
//! it): they come in the order of the commands, and whoever reads them must not lose count.

mod command;
mod reply;
#[cfg(test)]
mod tests;

pub(super) use command::{Command, Condition, Expiry};
pub(super) use reply::{Data, Malformed, Reply, decode, number as read_number};
