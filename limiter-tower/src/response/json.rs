//! The little JSON that refusals need: one flat object, members in the order given.

/// An object that is being written.
pub(super) struct Json {
    text: String,
}

impl Json {
    pub(super) fn new() -> Self {
        Json { text: String::with_capacity(192) }
    }

    pub(super) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    pub(super) fn number(&mut self, key: &str, value: u16) {
        self.key(key);
        self.text.push_str(&value.to_string());
    }

    pub(super) fn strings<'s>(&mut self, key: &str, values: impl Iterator<Item = &'s str>) {
        self.key(key);
        self.text.push('[');
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.quoted(value);
        }
        self.text.push(']');
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn key(&mut self, key: &str) {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        self.quoted(key);
        self.text.push(':');
    }

    /// RFC 8259, section 7.
    fn quoted(&mut self, text: &str) {
        const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        self.text.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                control @ '\0'..='\u{1f}' => {
                    self.text.push_str("\\u00");
                    let code = control as usize;
                    self.text.extend([HEX[code >> 4], HEX[code & 15]]);
                }
                other => self.text.push(other),
            }
        }
        self.text.push('"');
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
        json.number("n", 429);
        json.strings("list", ["x", "y\\"].into_iter());
        json.strings("none", core::iter::empty());
        let parsed: serde_json::Value = serde_json::from_str(&json.finish()).unwrap();
        assert_eq!(parsed["a\"b"], all);
        assert_eq!(parsed["n"], 429);
        assert_eq!(parsed["list"], serde_json::json!(["x", "y\\"]));
        assert_eq!(parsed["none"], serde_json::json!([]));
    }
}
