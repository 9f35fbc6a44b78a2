//! The little JSON that refusals need: one flat object, members in the order given.

use bytes::Bytes;
use smallvec::SmallVec;

/// An object that is being written; on the stack, until it is known how long it is.
pub(super) struct Json {
    text: SmallVec<[u8; 256]>,
}

impl Json {
    pub(super) fn new() -> Self {
        Json { text: SmallVec::new() }
    }

    pub(super) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    /// A number in decimal digits.
    pub(super) fn number(&mut self, key: &str, digits: &str) {
        self.key(key);
        self.push(digits);
    }

    pub(super) fn strings<'s>(&mut self, key: &str, values: impl Iterator<Item = &'s str>) {
        self.key(key);
        self.text.push(b'[');
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            self.quoted(value);
        }
        self.text.push(b']');
    }

    pub(super) fn finish(mut self) -> Bytes {
        self.text.push(b'}');
        Bytes::copy_from_slice(&self.text)
    }

    fn key(&mut self, key: &str) {
        self.text.push(if self.text.is_empty() { b'{' } else { b',' });
        self.quoted(key);
        self.text.push(b':');
    }

    /// RFC 8259, section 7. What has to be escaped is one byte in UTF-8, and no part of another letter.
    fn quoted(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.text.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\')) {
            let (plain, escaped) = rest.split_at(at);
            self.text.extend_from_slice(plain);
            let Some((byte, after)) = escaped.split_first() else { break };
            match byte {
                b'"' => self.push("\\\""),
                b'\\' => self.push("\\\\"),
                b'\n' => self.push("\\n"),
                b'\r' => self.push("\\r"),
                b'\t' => self.push("\\t"),
                0x08 => self.push("\\b"),
                0x0c => self.push("\\f"),
                control => {
                    self.push("\\u00");
                    let digit = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or(b'0');
                    self.text.extend_from_slice(&[digit(control >> 4), digit(control & 15)]);
                }
            }
            rest = after;
        }
        self.text.extend_from_slice(rest);
        self.text.push(b'"');
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_from_a_parser() {
        let all: String = ('\0'..='\u{ff}').chain(['\u{2028}', '\u{1f600}']).collect();
        let mut json = Json::new();
        json.string("a\"b", &all);
        json.number("n", "429");
        json.strings("list", ["x", "y\\"].into_iter());
        json.strings("none", core::iter::empty());
        let parsed: serde_json::Value = serde_json::from_slice(&json.finish()).unwrap();
        assert_eq!(parsed["a\"b"], all);
        assert_eq!(parsed["n"], 429);
        assert_eq!(parsed["list"], serde_json::json!(["x", "y\\"]));
        assert_eq!(parsed["none"], serde_json::json!([]));
    }
}
