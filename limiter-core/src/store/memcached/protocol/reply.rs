//! Replies from bytes.

use core::fmt;

use smallvec::SmallVec;

/// A value as the server has it. Numbers and states fit without an allocation.
pub(in crate::store::memcached) type Data = SmallVec<[u8; 40]>;

/// What the server says to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::memcached) enum Reply {
    /// Done. The token is that of the value written, where one was.
    Done { token: Option<u64> },
    /// A value.
    Value { data: Data, token: Option<u64> },
    /// There is no such value.
    Absent,
    /// There is such a value already, or another than the one seen.
    Exists,
    /// The server takes the command for a mistake; nothing was done.
    Mistaken(String),
    /// The server cannot do it now.
    Failed(String),
}

/// Bytes that are no reply: nothing that follows can be matched to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::memcached) enum Malformed {
    /// The server does not know the command.
    UnknownCommand,
    /// Something else.
    Reply,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::UnknownCommand => "the server does not know meta commands; accepted: Memcached 1.6.18 or later",
            Malformed::Reply => "the server sent what is no reply of Memcached",
        })
    }
}

impl std::error::Error for Malformed {}

/// The longest line of a reply: a code and a few flags, or the text of an error.
const LONGEST_LINE: usize = 2048;
/// The longest value that is read: an exact log of a hundred instants is a sixteenth of it.
const LONGEST_VALUE: usize = 32 << 10;

/// Reads the reply at the front of `bytes`, and says how many of them it takes; `None` if some of
/// it is still to come.
///
/// # Errors
///
/// When this is no reply, however it goes on.
pub(in crate::store::memcached) fn decode(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let Some(end) = bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE { Ok(None) } else { Err(Malformed::Reply) };
    };
    let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed::Reply)?;
    let after = end + 1;
    let (code, rest) = split(line);
    let text = || core::str::from_utf8(rest).map(str::to_owned).map_err(|_| Malformed::Reply);
    let reply = match code {
        b"VA" => return value(bytes, after, rest),
        b"HD" | b"MN" => Reply::Done { token: token(rest)?.filter(|token| *token != 0) },
        b"EN" | b"NF" => Reply::Absent,
        b"EX" | b"NS" => Reply::Exists,
        b"CLIENT_ERROR" => Reply::Mistaken(text()?),
        b"SERVER_ERROR" => Reply::Failed(text()?),
        b"ERROR" => return Err(Malformed::UnknownCommand),
        _ => return Err(Malformed::Reply),
    };
    Ok(Some((reply, after)))
}

/// What is before the first space, and what is after it.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default())
}

/// A number in decimal digits.
pub(in crate::store::memcached) fn number(digits: &[u8]) -> Result<u64, Malformed> {
    let add = |sum: u64, digit: &u8| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    };
    let number = digits.iter().try_fold(0, add).filter(|_| !digits.is_empty());
    number.ok_or(Malformed::Reply)
}

fn value(bytes: &[u8], start: usize, rest: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let (size, flags) = split(rest);
    let size = usize::try_from(number(size)?).ok().filter(|size| *size <= LONGEST_VALUE).ok_or(Malformed::Reply)?;
    let token = token(flags)?;
    let end = start + size;
    match (bytes.get(start..end), bytes.get(end..end + 2)) {
        (Some(data), Some(b"\r\n")) => Ok(Some((Reply::Value { data: Data::from_slice(data), token }, end + 2))),
        (Some(_), Some(_)) => Err(Malformed::Reply),
        _ => Ok(None),
    }
}

/// The token among the flags of a reply.
fn token(mut flags: &[u8]) -> Result<Option<u64>, Malformed> {
    while !flags.is_empty() {
        let (flag, rest) = split(flags);
        if let Some(token) = flag.strip_prefix(b"c") {
            return number(token).map(Some);
        }
        flags = rest;
    }
    Ok(None)
}
