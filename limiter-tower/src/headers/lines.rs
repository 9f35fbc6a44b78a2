//! Field values, written one after the other into one piece of memory and cut into lines at the
//! end: one allocation, however many fields a response gets, and none without fields.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// Fields that are being written. There is room on the stack for two policies in both default
/// families.
pub(crate) struct Lines<'n> {
    text: SmallVec<[u8; 128]>,
    lines: SmallVec<[Line<'n>; 8]>,
}

struct Line<'n> {
    name: &'n HeaderName,
    end: usize,
    /// A value that was written before, in place of the text.
    ready: Option<&'n HeaderValue>,
    beside: bool,
}

impl<'n> Lines<'n> {
    pub(crate) fn new() -> Self {
        Lines { text: SmallVec::new(), lines: SmallVec::new() }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// All text so far.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.text.push(byte);
    }

    /// Writes a number, at most the largest that structured fields know.
    pub(crate) fn number(&mut self, number: u64) {
        self.text(itoa::Buffer::new().format(number.min(LARGEST)));
    }

    /// Whether nothing was written since the last line ended.
    pub(crate) fn is_at_start(&self) -> bool {
        self.text.len() == self.start()
    }

    /// Ends a line that stands beside others of its name.
    pub(crate) fn add(&mut self, name: &'n HeaderName) {
        self.lines.push(Line { name, end: self.text.len(), ready: None, beside: true });
    }

    /// A line that stands beside others of its name, and was written before.
    pub(super) fn add_ready(&mut self, name: &'n HeaderName, value: &'n HeaderValue) {
        self.lines.push(Line { name, end: self.text.len(), ready: Some(value), beside: true });
    }

    /// Ends a line that takes the place of others of its name.
    pub(crate) fn set(&mut self, name: &'n HeaderName) {
        self.lines.push(Line { name, end: self.text.len(), ready: None, beside: false });
    }

    /// A line that takes the place of others of its name, and was written before.
    pub(super) fn set_ready(&mut self, name: &'n HeaderName, value: &'n HeaderValue) {
        self.lines.push(Line { name, end: self.text.len(), ready: Some(value), beside: false });
    }

    /// Moves the lines into a header section. A section that can hold no more stays as it is.
    ///
    /// The text moves, the lines stay where they are: both are large.
    pub(crate) fn write_to(&mut self, headers: &mut HeaderMap) {
        if self.lines.is_empty() || headers.try_reserve(self.lines.len()).is_err() {
            return;
        }
        // The text and the count of its owners in one allocation; a vector would need a second for the count.
        let written = self.text.len();
        let mut text = if written == 0 { Bytes::new() } else { Bytes::from_owner(core::mem::take(&mut self.text)) };
        let mut start = 0;
        for &Line { name, end, ready, beside } in &self.lines {
            let value = match ready {
                Some(ready) => Ok(ready.clone()),
                // The last one takes the text itself: counting owners is the half of what a line costs.
                None if end == written => HeaderValue::from_maybe_shared(core::mem::take(&mut text)),
                None => HeaderValue::from_maybe_shared(text.split_to(end.saturating_sub(start))),
            };
            start = end;
            // Only visible ASCII is ever written, so that every value is one.
            let Ok(value) = value else { continue };
            let _full = if beside {
                headers.try_append(name, value).is_err()
            } else {
                headers.try_insert(name, value).is_err()
            };
        }
    }

    fn start(&self) -> usize {
        self.lines.last().map_or(0, |line| line.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full_and_stop_at_fifteen_digits() {
        for (number, text) in [
            (0, "0"),
            (7, "7"),
            (10, "10"),
            (1_767_225_691, "1767225691"),
            (LARGEST, "999999999999999"),
            (LARGEST + 1, "999999999999999"),
            (u64::MAX, "999999999999999"),
        ] {
            let mut lines = Lines::new();
            lines.number(number);
            assert_eq!(lines.text.as_slice(), text.as_bytes());
        }
    }

    #[test]
    fn lines_are_cut_where_they_end() {
        let mut headers = HeaderMap::new();
        headers.insert("a", HeaderValue::from_static("old"));
        headers.insert("b", HeaderValue::from_static("old"));
        let (a, b) = (HeaderName::from_static("a"), HeaderName::from_static("b"));
        let mut lines = Lines::new();
        lines.text("one");
        lines.add(&a);
        assert!(lines.is_at_start());
        lines.number(2);
        assert!(!lines.is_at_start());
        lines.set(&b);
        lines.write_to(&mut headers);
        assert_eq!(headers.get_all("a").iter().collect::<Vec<_>>(), ["old", "one"]);
        assert_eq!(headers.get_all("b").iter().collect::<Vec<_>>(), ["2"]);
    }
}
