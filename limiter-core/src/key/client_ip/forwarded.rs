//! RFC 7239 `Forwarded`, read from the right.
//!
//! A parser that reads from the left is at the mercy of a quote that the client left open: it fails
//! the header, or swallows the entry that our proxy appended. Read from the right, nothing that stands
//! further left can disturb that entry. For the same reason lines are never joined.

use super::address;
use super::walk::{Entry, trim};

/// Longer than any address with zone and port; only values with quoted pairs are copied.
const LONGEST_ESCAPED: usize = 128;

/// The non-empty entries of one line, from the right.
pub(super) fn entries_from_right(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    FromRight::new(line, b',').map(trim).filter(|entry| !entry.is_empty())
}

/// Only `for` matters; other parameters may be as odd as they like.
pub(super) fn read(entry: &[u8]) -> Entry {
    let mut parameters = FromRight::new(entry, b';');
    let mut node = None;
    for parameter in parameters.by_ref() {
        let parameter = trim(parameter);
        let name_end = parameter.iter().position(|&byte| byte == b'=').unwrap_or(parameter.len());
        let (name, value) = parameter.split_at(name_end);
        if !trim(name).eq_ignore_ascii_case(b"for") {
            continue;
        }
        // A second `for`, a blank before the equals sign, or no equals sign at all.
        if node.is_some() || name.len() != b"for".len() || value.is_empty() {
            return Entry::Malformed;
        }
        node = Some(&value[1..]);
    }
    match node {
        _ if parameters.open_quote => Entry::Malformed,
        Some(node) => read_node(node),
        None => Entry::Opaque,
    }
}

fn read_node(value: &[u8]) -> Entry {
    let mut unescaped = [0; LONGEST_ESCAPED];
    let (node, quoted) = match value {
        [b'"', inside @ .., b'"'] if inside.contains(&b'\\') => match unescape(inside, &mut unescaped) {
            Some(node) => (node, true),
            None => return Entry::Malformed,
        },
        [b'"', inside @ .., b'"'] => (inside, true),
        _ => (value, false),
    };
    if is_opaque(node) {
        return Entry::Opaque;
    }
    // Without quotes and brackets nothing says where IPv6 ends and a port begins.
    let bare_v6 = !node.starts_with(b"[") && node.iter().filter(|&&byte| byte == b':').count() > 1;
    if bare_v6 && !quoted {
        return Entry::Malformed;
    }
    address::parse_with_port(node, is_node_port).map_or(Entry::Malformed, Entry::Address)
}

/// `unknown` or `_name`, with or without a port.
fn is_opaque(node: &[u8]) -> bool {
    let name = match node.iter().position(|&byte| byte == b':') {
        Some(colon) if is_node_port(&node[colon + 1..]) => &node[..colon],
        Some(_) => return false,
        None => node,
    };
    name.eq_ignore_ascii_case(b"unknown") || is_obfuscated(name)
}

fn is_node_port(text: &[u8]) -> bool {
    address::is_port(text) || is_obfuscated(text)
}

/// RFC 7239 section 6.3: an underscore, then at least one character.
fn is_obfuscated(text: &[u8]) -> bool {
    match text {
        [b'_', rest @ ..] => {
            !rest.is_empty() && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
        }
        _ => false,
    }
}

/// Replaces quoted pairs by their second byte; `None` if one is cut off or the text does not fit.
fn unescape<'b>(text: &[u8], buffer: &'b mut [u8; LONGEST_ESCAPED]) -> Option<&'b [u8]> {
    let mut length = 0;
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        let byte = if byte == b'\\' { *bytes.next()? } else { byte };
        *buffer.get_mut(length)? = byte;
        length += 1;
    }
    buffer.get(..length)
}

/// Splits at a separator that is not inside quotes, from the right.
struct FromRight<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
    /// The last, leftmost piece began inside quotes: a quote without a partner stands in it.
    open_quote: bool,
}

impl<'a> FromRight<'a> {
    fn new(text: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(text), separator, open_quote: false }
    }
}

impl<'a> Iterator for FromRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut quoted = false;
        for (at, &byte) in rest.iter().enumerate().rev() {
            if byte == b'"' && !is_escaped(&rest[..at]) {
                quoted = !quoted;
            } else if byte == self.separator && !quoted {
                self.rest = Some(&rest[..at]);
                return Some(&rest[at + 1..]);
            }
        }
        self.open_quote = quoted;
        self.rest = None;
        Some(rest)
    }
}

/// A quote after an odd number of backslashes is content. Each run of backslashes is looked at once,
/// by the one quote that follows it, so the scan stays linear.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
