//! The part of structured fields (RFC 9651) that rate-limit fields use, read strictly: a field with one
//! mistake anywhere is no field at all, as the RFC asks of recipients.

/// A bare value: of an item, or of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    Integer(i64),
    /// A string or a token: both name policies in the wild.
    Text(String),
    /// Decimals, dates, byte sequences and booleans are read over: nothing here uses them.
    Other,
}

/// A value and its parameters. A repeated parameter has its last value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) value: Bare,
    params: Vec<(String, Bare)>,
}

impl Item {
    pub(super) fn param(&self, name: &str) -> Option<&Bare> {
        self.params.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// An integer parameter that is not negative.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        match self.param(name) {
            Some(Bare::Integer(value)) => u64::try_from(*value).ok(),
            _ => None,
        }
    }
}

/// Reads a list of items.
pub(super) fn list(text: &str) -> Option<Vec<Item>> {
    members(text, |cursor| cursor.item())
}

/// Reads a dictionary of integers, such as `limit=100, remaining=9`; other members are left out.
pub(super) fn integers(text: &str) -> Option<Vec<(String, i64)>> {
    let members = members(text, |cursor| {
        let key = cursor.key()?;
        let value = if cursor.eat(b'=') { cursor.bare()? } else { Bare::Other };
        cursor.params()?;
        Some((key, value))
    })?;
    Some(
        members
            .into_iter()
            .filter_map(|(key, value)| if let Bare::Integer(value) = value { Some((key, value)) } else { None })
            .collect(),
    )
}

fn members<T>(text: &str, mut read: impl FnMut(&mut Cursor<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut cursor = Cursor { rest: text.trim_matches(' ').as_bytes() };
    let mut found = Vec::new();
    while !cursor.rest.is_empty() {
        found.push(read(&mut cursor)?);
        cursor.blanks();
        if cursor.rest.is_empty() {
            break;
        }
        if !cursor.eat(b',') {
            return None;
        }
        cursor.blanks();
        // A trailing comma.
        if cursor.rest.is_empty() {
            return None;
        }
    }
    Some(found)
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.next();
        }
        found
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> String {
        let end = self.rest.iter().position(|byte| !accept(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        String::from_utf8_lossy(taken).into_owned()
    }

    fn blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn key(&mut self) -> Option<String> {
        self.peek().filter(|first| first.is_ascii_lowercase() || *first == b'*')?;
        Some(
            self.take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.' | b'*')),
        )
    }

    fn item(&mut self) -> Option<Item> {
        let value = self.bare()?;
        Some(Item { value, params: self.params()? })
    }

    fn params(&mut self) -> Option<Vec<(String, Bare)>> {
        let mut params = Vec::new();
        while self.eat(b';') {
            self.take_while(|byte| byte == b' ');
            let key = self.key()?;
            let value = if self.eat(b'=') { self.bare()? } else { Bare::Other };
            params.push((key, value));
        }
        Some(params)
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.peek()? {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b':' => {
                self.next();
                self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
                self.eat(b':').then_some(Bare::Other)
            }
            b'?' => {
                self.next();
                matches!(self.next()?, b'0' | b'1').then_some(Bare::Other)
            }
            b'@' => {
                self.next();
                matches!(self.number()?, Bare::Integer(_)).then_some(Bare::Other)
            }
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                Some(Bare::Text(self.take_while(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&b))))
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<Bare> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next()? {
                b'"' => return Some(Bare::Text(text)),
                b'\\' => text.push(char::from(self.next().filter(|byte| matches!(byte, b'"' | b'\\'))?)),
                byte @ 0x20..=0x7e => text.push(char::from(byte)),
                _ => return None,
            }
        }
    }

    /// Integers have at most 15 digits, decimals 12 before the point and 3 after it.
    fn number(&mut self) -> Option<Bare> {
        let negative = self.eat(b'-');
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if self.eat(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let fits = (1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len());
            return fits.then_some(Bare::Other);
        }
        if digits.len() > 15 {
            return None;
        }
        let value = digits.parse::<i64>().ok()?;
        Some(Bare::Integer(if negative { value.saturating_neg() } else { value }))
    }
}
