//! What a request accepts (RFC 9110, section 12.5.1), read where it stands.

use http::HeaderValue;

/// Weights are told in thousandths.
const WHOLE: u16 = 1000;

/// How much a request wants a media type, in thousandths; 0 if not at all. `lines` are those of its `Accept`. Of ranges
/// that cover the type, the most specific one counts. Ranges that cannot be read are passed over.
pub(super) fn weight<'h>(lines: impl Iterator<Item = &'h HeaderValue>, media_type: &str) -> u16 {
    let ranges = lines.flat_map(|line| Elements { rest: line.as_bytes(), at: b',' });
    let covering = ranges.filter_map(|range| covering(range, media_type));
    covering.max_by_key(|(specific, _)| *specific).map_or(0, |(_, weight)| weight)
}

/// How specific a range is and how much it weighs, if it covers the type.
fn covering(range: &[u8], media_type: &str) -> Option<(u8, u16)> {
    let mut parts = Elements { rest: range, at: b';' };
    let name = parts.next()?;
    let (kind, _) = media_type.split_once('/')?;
    let mut specific = match name {
        b"*/*" => 0,
        name if name.eq_ignore_ascii_case(media_type.as_bytes()) => 2,
        name => {
            let (any, of) = (name.strip_suffix(b"/*")?, kind.as_bytes());
            if !any.eq_ignore_ascii_case(of) {
                return None;
            }
            1
        }
    };
    let mut weight = WHOLE;
    for part in parts {
        let split = part.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (part.get(..split)?, part.get(split + 1..)?);
        if name.eq_ignore_ascii_case(b"q") {
            // What follows the weight says nothing about the type.
            weight = thousandths(value)?;
            break;
        }
        // Text is sent in UTF-8; whatever else is asked of a type, ours do not have.
        let is_ours = name.eq_ignore_ascii_case(b"charset") && unquoted(value).eq_ignore_ascii_case(b"utf-8");
        if !is_ours {
            return None;
        }
        specific = 3;
    }
    Some((specific, weight))
}

/// `0`, `0.5`, `1.000`: at most three digits, at most 1.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, rest) = value.split_first()?;
    let digits = match rest {
        [] => &[][..],
        [b'.', digits @ ..] => digits,
        _ => return None,
    };
    if digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) || !matches!(whole, b'0' | b'1') {
        return None;
    }
    let digit = |at: usize| digits.get(at).map_or(0, |digit| u16::from(digit - b'0'));
    let weight = u16::from(whole - b'0') * WHOLE + digit(0) * 100 + digit(1) * 10 + digit(2);
    (weight <= WHOLE).then_some(weight)
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// The elements of a list, without the blanks around them and without empty ones. A separator within quotes is content.
struct Elements<'h> {
    rest: &'h [u8],
    at: u8,
}

impl<'h> Iterator for Elements<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        while !self.rest.is_empty() {
            let (mut is_quoted, mut is_escaped) = (false, false);
            let end = self.rest.iter().position(|byte| {
                let is_end = *byte == self.at && !is_quoted;
                is_quoted ^= *byte == b'"' && !is_escaped;
                is_escaped = is_quoted && *byte == b'\\' && !is_escaped;
                is_end
            });
            let (element, rest) = match end {
                Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
                None => (self.rest, &[][..]),
            };
            self.rest = rest;
            let element = element.trim_ascii();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str], media_type: &str) -> u16 {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_static(line)).collect();
        weight(lines.iter(), media_type)
    }

    #[test]
    fn the_most_specific_range_that_covers_a_type_says_its_weight() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        assert_eq!(of(&[browser], "text/html"), 1000);
        assert_eq!(of(&[browser], "application/problem+json"), 800);
        assert_eq!(of(&["*/*, text/*;q=0.5, text/plain;q=0"], "text/plain"), 0);
        assert_eq!(of(&["*/*, text/*;q=0.5, text/plain;q=0"], "text/html"), 500);
        assert_eq!(of(&["*/*, text/*;q=0.5, text/plain;q=0"], "application/json"), 1000);
        assert_eq!(of(&["text/html;q=0.2", "text/html;charset=UTF-8;q=0.75"], "text/html"), 750);
        assert_eq!(of(&["application/json"], "text/html"), 0);
    }

    #[test]
    fn names_compare_without_case_and_blanks_do_not_matter() {
        assert_eq!(of(&["\tText/HTML ;  Q=0.125 , ,"], "text/html"), 125);
        assert_eq!(of(&["TEXT/*;q=1.000"], "text/html"), 1000);
        assert_eq!(of(&["text/html;charset=\"utf-8\""], "text/html"), 1000);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for range in ["text/html;q=2", "text/html;q=1.001", "text/html;q=0.1234", "text/html;q=", "text/html;q=x"] {
            assert_eq!(of(&[range], "text/html"), 0, "{range}");
        }
        for range in ["text", "*", "/", ";q=1", "text/html;level", "text/html;level=1", "text/html;charset=latin1"] {
            assert_eq!(of(&[range], "text/html"), 0, "{range}");
        }
        assert_eq!(of(&["text/html;x=\"a,text/html;q=0.3\", text/html;q=0.4"], "text/html"), 400);
        assert_eq!(of(&["text/html;x=\"a\\\",text/html;q=0.3\", text/html;q=0.4"], "text/html"), 400);
        assert_eq!(of(&["text/html;x=\"never closed, text/html"], "text/html"), 0);
        assert_eq!(weight([HeaderValue::from_bytes(b"\xff, text/html").unwrap()].iter(), "text/html"), 1000);
        assert_eq!(of(&[], "text/html"), 0);
    }
}
