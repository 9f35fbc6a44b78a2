//! Commands as bytes.

use crate::time::Nanos;

/// What a value must be like for a command to touch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::memcached) enum Condition {
    /// There must be none.
    Absent,
    /// It must be the one that was seen under this token.
    Unchanged(u64),
}

/// When the server may forget a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::memcached) struct Expiry(u64);

/// Beyond this the server takes the number for a date.
const LONGEST_TERM: u64 = 30 * 24 * 60 * 60;
/// The last date the server knows. Values that outlive it are kept until there is no room for them.
const LAST_DATE: u64 = i32::MAX as u64;
/// The server counts whole seconds and may be one early.
const EARLY: u64 = 2;

impl Expiry {
    /// No sooner than `term` from `wall` on, in whole seconds.
    pub(in crate::store::memcached) const fn after(term: Nanos, wall: Nanos) -> Self {
        let seconds = term.as_secs_ceil().saturating_add(EARLY);
        if seconds <= LONGEST_TERM {
            return Expiry(seconds);
        }
        let date = wall.as_secs_ceil().saturating_add(seconds);
        Expiry(if date <= LAST_DATE { date } else { 0 })
    }

    #[cfg(test)]
    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

/// One command. Each is answered by exactly one [`Reply`](super::Reply).
#[derive(Clone, Copy, Debug)]
pub(in crate::store::memcached) enum Command<'a> {
    /// Whether the server is there and knows meta commands.
    NoOp,
    /// Reads a value and its token.
    Get { key: &'a [u8] },
    /// Writes a value.
    Set { key: &'a [u8], value: &'a [u8], expiry: Expiry, condition: Option<Condition> },
    /// Adds to a number, which begins at `by` if it is absent; tells the sum.
    Add { key: &'a [u8], by: u64, expiry: Expiry },
    /// Takes from a number that is there, down to 0; tells what is left.
    Subtract { key: &'a [u8], by: u64 },
    /// Forgets a value.
    Delete { key: &'a [u8], unchanged: Option<u64> },
}

impl Command<'_> {
    /// Appends the bytes of the command. Keys hold neither spaces nor control characters: see
    /// [`Name`](super::super::name::Name).
    pub(in crate::store::memcached) fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Command::NoOp => out.extend_from_slice(b"mn"),
            Command::Get { key } => {
                head(out, b"mg ", key);
                out.extend_from_slice(b" v c");
            }
            Command::Set { key, value, expiry, condition } => {
                head(out, b"ms ", key);
                number(out, b" ", value.len() as u64);
                number(out, b" T", expiry.0);
                match condition {
                    None => {}
                    Some(Condition::Absent) => out.extend_from_slice(b" ME"),
                    Some(Condition::Unchanged(token)) => number(out, b" C", token),
                }
                out.extend_from_slice(b" c\r\n");
                out.extend_from_slice(value);
            }
            Command::Add { key, by, expiry } => {
                head(out, b"ma ", key);
                number(out, b" N", expiry.0);
                // What is made has the first value and not the sum, so that is the sum already.
                number(out, b" J", by);
                if by != 1 {
                    number(out, b" D", by);
                }
                out.extend_from_slice(b" v");
            }
            Command::Subtract { key, by } => {
                head(out, b"ma ", key);
                number(out, b" MD D", by);
                out.extend_from_slice(b" v");
            }
            Command::Delete { key, unchanged } => {
                head(out, b"md ", key);
                if let Some(token) = unchanged {
                    number(out, b" C", token);
                }
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn head(out: &mut Vec<u8>, command: &[u8], key: &[u8]) {
    out.extend_from_slice(command);
    out.extend_from_slice(key);
}

fn number(out: &mut Vec<u8>, before: &[u8], number: u64) {
    out.extend_from_slice(before);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
