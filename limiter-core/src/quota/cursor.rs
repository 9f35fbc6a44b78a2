//! Words and numbers of a text, with their places.

use super::NotationErrorKind;

/// What is wrong with the bytes `at..end` of a text; both lie on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) kind: NotationErrorKind,
}

impl Fault {
    /// The same fault, seen from a text in which this one begins at `base`.
    pub(super) fn shifted(self, base: usize) -> Self {
        Self { at: self.at.saturating_add(base), end: self.end.saturating_add(base), ..self }
    }
}

/// A place in a text. It only ever advances by whole characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the next thing begins, behind any blanks.
    pub(super) fn next_at(mut self) -> usize {
        self.skip_blanks();
        self.at
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes the characters for which `wanted` holds.
    pub(super) fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(length);
        rest.get(..length).unwrap_or_default()
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take(char::is_whitespace);
    }

    /// Skips blanks, then takes `wanted` if it is next.
    pub(super) fn eat(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(wanted);
        if found {
            self.at = self.at.saturating_add(wanted.len_utf8());
        }
        found
    }

    /// Skips blanks and takes letters; empty where something else is next.
    pub(super) fn word(&mut self) -> &'a str {
        self.skip_blanks();
        self.take(char::is_alphabetic)
    }

    /// The word that [`word`](Self::word) would take.
    pub(super) fn upcoming(&self) -> &'a str {
        {
            let mut ahead = *self;
            ahead.word()
        }
    }

    /// Skips blanks and takes a number of at most `max`.
    pub(super) fn number(&mut self, max: u64) -> Result<u64, Fault> {
        self.skip_blanks();
        let start = self.at;
        match self.peek() {
            Some('0'..='9') => {}
            Some('+' | '-' | MINUS | '.' | '_') => {}
            _ => return Err(self.junk(NotationErrorKind::MissingNumber)),
        }
        if !self.take(|c| matches!(c, '+' | '-' | MINUS)).is_empty() {
            self.take(is_part_of_number);
            return Err(self.since(start, NotationErrorKind::Sign));
        }
        let digits = self.take(|c| c.is_ascii_digit() || c == '_');
        if self.peek() == Some('.') {
            self.take(is_part_of_number);
            return Err(self.since(start, NotationErrorKind::Fraction));
        }
        if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
            return Err(self.since(start, NotationErrorKind::MisplacedUnderscore));
        }
        digits
            .bytes()
            .filter(u8::is_ascii_digit)
            .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0'))))
            .filter(|&number| number <= max)
            .ok_or_else(|| self.since(start, NotationErrorKind::NumberTooLarge))
    }

    /// A fault from `start` to here.
    pub(super) fn since(&self, start: usize, kind: NotationErrorKind) -> Fault {
        Fault { at: start, end: self.at, kind }
    }

    /// A fault about what comes next: a word, else everything up to a blank or a separator.
    ///
    /// At the end of the text it is an empty fragment right behind the last thing written.
    pub(super) fn junk(&self, kind: NotationErrorKind) -> Fault {
        let mut ahead = *self;
        ahead.skip_blanks();
        let start = ahead.at;
        if ahead.take(char::is_alphabetic).is_empty() {
            ahead.take(|c| !c.is_whitespace() && !is_separator(c));
        }
        if ahead.at == start && ahead.peek().is_some() {
            ahead.take(is_separator);
        }
        if ahead.at == start {
            let end = self.text.trim_end().len();
            return Fault { at: end, end, kind };
        }
        ahead.since(start, kind)
    }
}

/// The minus sign of typographers, which word processors write.
pub(super) const MINUS: char = '\u{2212}';

fn is_part_of_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | '_')
}

/// What separates the quotas of a list.
pub(super) fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';')
}
