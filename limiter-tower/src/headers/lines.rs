//! Field values, written one after the other into one piece of memory and cut into lines at the
//! end: two allocations, however many fields a response gets.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// Fields that are being written.
pub(crate) struct Lines {
    text: Vec<u8>,
    lines: SmallVec<[Line; 8]>,
}

struct Line {
    name: HeaderName,
    end: usize,
    beside: bool,
}

impl Lines {
    pub(crate) fn new() -> Self {
        // Two policies in both default families.
        Lines { text: Vec::with_capacity(192), lines: SmallVec::new() }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.text.push(byte);
    }

    /// Writes a number, at most the largest that structured fields know.
    pub(crate) fn number(&mut self, number: u64) {
        let mut digits = [b'0'; 15];
        let mut rest = number.min(LARGEST);
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            length += 1;
            if rest == 0 {
                break;
            }
        }
        self.text.extend_from_slice(digits.get(15 - length..).unwrap_or_default());
    }

    /// Whether nothing was written since the last line ended.
    pub(crate) fn is_at_start(&self) -> bool {
        self.text.len() == self.start()
    }

    /// Ends a line that stands beside others of its name.
    pub(crate) fn add(&mut self, name: &HeaderName) {
        self.lines.push(Line { name: name.clone(), end: self.text.len(), beside: true });
    }

    /// Ends a line that takes the place of others of its name.
    pub(crate) fn set(&mut self, name: &HeaderName) {
        self.lines.push(Line { name: name.clone(), end: self.text.len(), beside: false });
    }

    /// Moves the lines into a header section. A section that can hold no more stays as it is.
    pub(crate) fn write_to(self, headers: &mut HeaderMap) {
        if self.lines.is_empty() || headers.try_reserve(self.lines.len()).is_err() {
            return;
        }
        let text = Bytes::from(self.text);
        let mut start = 0;
        for Line { name, end, beside } in self.lines {
            let value = HeaderValue::from_maybe_shared(text.slice(start..end));
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
            assert_eq!(lines.text, text.as_bytes());
        }
    }

    #[test]
    fn lines_are_cut_where_they_end() {
        let mut headers = HeaderMap::new();
        headers.insert("a", HeaderValue::from_static("old"));
        headers.insert("b", HeaderValue::from_static("old"));
        let mut lines = Lines::new();
        lines.text("one");
        lines.add(&HeaderName::from_static("a"));
        assert!(lines.is_at_start());
        lines.number(2);
        assert!(!lines.is_at_start());
        lines.set(&HeaderName::from_static("b"));
        lines.write_to(&mut headers);
        assert_eq!(headers.get_all("a").iter().collect::<Vec<_>>(), ["old", "one"]);
        assert_eq!(headers.get_all("b").iter().collect::<Vec<_>>(), ["2"]);
    }
}
