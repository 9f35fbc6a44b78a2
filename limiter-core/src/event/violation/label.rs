//! Labels: what rules and clients are called in a row. Whatever they were, any database takes them.

use std::fmt::{self, Write};

/// The longest label, in bytes. A longer one is cut and ends in `…`.
pub const MOST_LABEL_BYTES: usize = 128;

/// The client under which a rule's violations are counted once there is no room for more clients.
pub const OTHERS: &str = "(others)";

/// The rule under which the violations of rules beyond the first thousand are counted.
pub(super) const OTHER_RULES: &str = "(other rules)";

const CUT: char = '…';
const REPLACED: char = '\u{fffd}';

/// What `text` displays, cleaned: without control characters, of at most [`MOST_LABEL_BYTES`].
pub(super) fn clean(text: impl fmt::Display) -> String {
    let mut label = Label(String::new());
    // Refuses to go on once it is full, which ends the display.
    let _ = write!(label, "{text}");
    label.0
}

struct Label(String);

impl Write for Label {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            let char = if char.is_control() { REPLACED } else { char };
            if self.0.len() + char.len_utf8() > MOST_LABEL_BYTES {
                while self.0.len() + CUT.len_utf8() > MOST_LABEL_BYTES {
                    self.0.pop();
                }
                self.0.push(CUT);
                return Err(fmt::Error);
            }
            self.0.push(char);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_refuses_is_replaced() {
        assert_eq!(clean("a\0b\u{1b}[31m\u{85}c"), "a\u{fffd}b\u{fffd}[31m\u{fffd}c");
        assert_eq!(clean(""), "");
        assert_eq!(clean("[2001:db8::]:443 \"quoted\""), "[2001:db8::]:443 \"quoted\"");
    }

    #[test]
    fn a_long_label_is_cut_between_characters_and_says_so() {
        assert_eq!(clean("x".repeat(MOST_LABEL_BYTES)), "x".repeat(MOST_LABEL_BYTES));
        for long in ["x".repeat(4096), "é".repeat(4096), "𝄞".repeat(4096)] {
            let label = clean(&long);
            assert!(label.len() <= MOST_LABEL_BYTES && label.len() > MOST_LABEL_BYTES - 8, "{}", label.len());
            assert!(label.ends_with('…'));
        }
    }
}
