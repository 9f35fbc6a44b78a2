//! The walk over a list header from the right, where our own proxies write.
//!
//! It stops at the last trusted hop when an entry cannot be read: only trusted parties can cause that,
//! so nobody can push strangers into a shared bucket, and nothing that a stranger wrote is believed.

use std::net::IpAddr;

use super::outcome::Via;
use super::trust::TrustSet;

/// What one entry of a list header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Address(IpAddr),
    Malformed,
    /// Readable, but the hop hides whom it speaks for.
    Opaque,
}

/// An address (`None` behind a Unix socket that named nobody) and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) ip: Option<IpAddr>,
    pub(super) via: Via,
}

/// The first entry from the right that is not trusted. `entries` come from right to left, without
/// empty ones; at most `max_entries` of them are read.
pub(super) fn first_untrusted<'h>(
    peer: Option<IpAddr>,
    entries: impl Iterator<Item = &'h [u8]>,
    read: impl Fn(&'h [u8]) -> Entry,
    trust: &TrustSet,
    max_entries: usize,
) -> Found {
    let mut last_trusted = peer;
    let mut via = Via::Peer;
    for (examined, entry) in entries.enumerate() {
        if examined == max_entries {
            return Found { ip: last_trusted, via: Via::Limit };
        }
        match read(entry) {
            Entry::Address(ip) if trust.contains(ip) => last_trusted = Some(ip),
            Entry::Address(ip) => {
                return Found { ip: Some(ip), via: Via::Header };
            }
            Entry::Malformed => {
                return Found { ip: last_trusted, via: Via::Malformed };
            }
            Entry::Opaque => {
                return Found { ip: last_trusted, via: Via::Opaque };
            }
        }
        via = Via::AllTrusted;
    }
    Found { ip: last_trusted, via }
}

/// The `hops`-th entry from the right; those passed over are counted, not read.
pub(super) fn nth_from_right<'h>(
    peer: Option<IpAddr>,
    mut entries: impl Iterator<Item = &'h [u8]>,
    read: impl Fn(&'h [u8]) -> Entry,
    hops: u32,
) -> Found {
    let mut via = Via::Peer;
    for _ in 1..hops {
        if entries.next().is_none() {
            return Found { ip: peer, via };
        }
        via = Via::ShortChain;
    }
    match entries.next().map(read) {
        Some(Entry::Address(ip)) => Found { ip: Some(ip), via: Via::Header },
        Some(Entry::Malformed) => Found { ip: peer, via: Via::Malformed },
        Some(Entry::Opaque) => Found { ip: peer, via: Via::Opaque },
        None => Found { ip: peer, via },
    }
}

/// Blanks around list entries are SP and HTAB; nothing else is a blank in a header.
#[inline]
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn no_more_entries_are_read_than_the_limit_however_long_the_list() {
        let read = Cell::new(0);
        let ip = IpAddr::from([10, 0, 0, 1]);
        let found = first_untrusted(
            None,
            std::iter::repeat_n(&b"10.0.0.1"[..], 1_000),
            |_| {
                read.set(read.get() + 1);
                Entry::Address(ip)
            },
            &TrustSet::everyone(),
            7,
        );
        assert_eq!(found, Found { ip: Some(ip), via: Via::Limit });
        assert_eq!(read.get(), 7);
    }

    #[test]
    fn counting_reads_the_target_alone() {
        let read = Cell::new(0);
        let ip = IpAddr::from([203, 0, 113, 7]);
        let entries = [&b"c"[..], b"b", b"a"].into_iter();
        let found = nth_from_right(
            None,
            entries,
            |entry| {
                read.set(read.get() + 1);
                assert_eq!(entry, b"b");
                Entry::Address(ip)
            },
            2,
        );
        assert_eq!(found, Found { ip: Some(ip), via: Via::Header });
        assert_eq!(read.get(), 1);
    }

    #[test]
    fn only_blanks_and_tabs_are_trimmed() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b"\x0ba\xa0"), b"\x0ba\xa0");
        assert_eq!(trim(b" \t "), b"");
    }
}
