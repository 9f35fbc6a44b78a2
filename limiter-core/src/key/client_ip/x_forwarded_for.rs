//! `X-Forwarded-For`: addresses separated by commas, the nearest proxy's on the right.

use super::address;
use super::walk::{Entry, trim};

/// The non-empty entries of one line, from the right.
pub(super) fn entries_from_right(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.rsplit(|&byte| byte == b',').map(trim).filter(|entry| !entry.is_empty())
}

#[inline]
pub(super) fn read(entry: &[u8]) -> Entry {
    address::parse_address(entry).map_or(Entry::Malformed, Entry::Address)
}
