//! `Retry-After` and `Date`: a wait in seconds, or a date that becomes one.

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// Seconds that `Retry-After` asks for. Of several lines the longest wait counts; a line that cannot be
/// read does not.
///
/// A date is compared with the `Date` of the same answer, so that the clocks of the two machines need not
/// agree; `wall` is asked for the seconds since the Unix epoch where there is none.
pub(super) fn seconds(headers: &HeaderMap, wall: &dyn Fn() -> u64) -> Option<u64> {
    headers.get_all(RETRY_AFTER).iter().filter_map(|line| one(line.to_str().ok()?.trim(), headers, wall)).max()
}

fn one(text: &str, headers: &HeaderMap, wall: &dyn Fn() -> u64) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit are a wait without end; the caller caps it.
        return Some(text.parse().unwrap_or(u64::MAX));
    }
    let until = unix(text)?;
    Some(until.saturating_sub(date(headers).unwrap_or_else(wall)))
}

/// The second since the Unix epoch at which the answer was made, as its server says.
pub(super) fn date(headers: &HeaderMap) -> Option<u64> {
    unix(headers.get(DATE)?.to_str().ok()?.trim())
}

fn unix(text: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(lines: &[&str], date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(RETRY_AFTER, HeaderValue::from_str(line).unwrap());
        }
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        // 1994-11-06T08:49:00Z
        seconds(&headers, &|| 784_111_740)
    }

    #[test]
    fn seconds_are_read_and_nonsense_is_not() {
        for (text, expected) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
            ("12 s", None),
        ] {
            assert_eq!(read(&[text], None), expected, "{text:?}");
        }
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_answer() {
        let at = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(read(&[at], Some("Sun, 06 Nov 1994 08:49:07 GMT")), Some(30));
        assert_eq!(read(&[at], Some("Sun, 06 Nov 1994 09:49:07 GMT")), Some(0), "a date gone by");
    }

    #[test]
    fn without_a_date_of_the_answer_the_own_clock_counts() {
        assert_eq!(read(&["Sun, 06 Nov 1994 08:49:37 GMT"], None), Some(37));
        assert_eq!(read(&["Sunday, 06-Nov-94 08:49:37 GMT"], None), Some(37), "the obsolete form");
        assert_eq!(read(&["Sun Nov  6 08:49:37 1994"], None), Some(37), "the form of asctime");
    }

    #[test]
    fn the_longest_of_several_lines_counts() {
        assert_eq!(read(&["1", "nonsense", "30", "2"], None), Some(30));
        assert_eq!(read(&[], None), None);
    }
}
