use super::*;
use http::{HeaderName, HeaderValue};

/// 2025-01-01T00:00:00Z
const WALL: u64 = 1_735_689_600;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn reports(lines: &[(&str, &str)]) -> Vec<Report> {
    read(&headers(lines), &|| WALL)
}

type Short = (String, u64, Option<u64>, Option<u64>, Option<u64>);

/// Name, remaining, seconds, limit, window.
fn short(lines: &[(&str, &str)]) -> Vec<Short> {
    reports(lines).into_iter().map(|r| (r.name, r.remaining, r.seconds, r.limit, r.window)).collect()
}

fn one(name: &str, remaining: u64, seconds: impl Into<Option<u64>>, limit: Option<u64>, window: Option<u64>) -> Short {
    (name.to_owned(), remaining, seconds.into(), limit, window)
}

#[test]
fn named_policies_are_read_with_their_quotas() {
    let got = short(&[
        ("RateLimit-Policy", r#""burst";q=10;w=1, "daily";q=1000;w=86400;pk=:AP8Q:"#),
        ("RateLimit", r#""burst";r=9;t=1, "daily";r=100;t=36000;pk=:AP8Q:"#),
    ]);
    let expected = [one("burst", 9, 1, Some(10), Some(1)), one("daily", 100, 36_000, Some(1000), Some(86_400))];
    assert_eq!(got, expected);
    assert_eq!(reports(&[("RateLimit", r#""a";r=1"#)])[0].meaning, Meaning::Pace);
}

#[test]
fn lines_of_one_field_are_one_list() {
    let got = short(&[
        ("RateLimit", r#""outer";r=5;t=1"#),
        ("RateLimit", r#""inner";r=2;t=7"#),
        ("RateLimit-Policy", r#""outer";q=10;w=1"#),
        ("RateLimit-Policy", r#""inner";q=20"#),
    ]);
    assert_eq!(got, [one("outer", 5, 1, Some(10), Some(1)), one("inner", 2, 7, Some(20), None)]);
}

#[test]
fn names_may_hold_what_separates_elsewhere() {
    let got = short(&[
        ("RateLimit-Policy", r#""a, b;r=0;\"t\"=\\9";q=7;w=3"#),
        ("RateLimit", r#""a, b;r=0;\"t\"=\\9";r=6;t=2"#),
    ]);
    assert_eq!(got, [one(r#"a, b;r=0;"t"=\9"#, 6, 2, Some(7), Some(3))]);
}

#[test]
fn unknown_parameters_and_odd_spacing_are_read_over() {
    let got = short(&[("RateLimit", r#"  tok/en:1;x;  y=?1;r=3;z=1.5;d=@17;s="r=9";t=4	,	"b";r=1  "#)]);
    assert_eq!(got, [one("tok/en:1", 3, 4, None, None), one("b", 1, None, None, None)]);
}

#[test]
fn of_one_name_twice_the_stricter_counts() {
    for text in [r#""a";r=5;t=1, "a";r=2;t=1"#, r#""a";r=2;t=1, "a";r=5;t=9"#] {
        assert_eq!(short(&[("RateLimit", text)]), [one("a", 2, 1, None, None)]);
    }
    for text in [r#""a";r=0;t=1, "a";r=0;t=9"#, r#""a";r=0;t=9, "a";r=0;t=1"#, r#""a";r=0;t=9, "a";r=0"#] {
        assert_eq!(short(&[("RateLimit", text)]), [one("a", 0, 9, None, None)]);
    }
}

#[test]
fn units_other_than_requests_are_not_counted_as_requests() {
    let got = short(&[
        ("RateLimit-Policy", r#""up";q=9;qu="content-bytes", "n";q=5;qu="requests""#),
        ("RateLimit", r#""up";r=0;t=9, "n";r=4"#),
    ]);
    assert_eq!(got, [one("n", 4, None, Some(5), None)]);
}

#[test]
fn of_too_many_policies_the_strictest_are_kept() {
    let text: Vec<String> = (0..100).map(|i| format!("\"p{i}\";r={};t=1", 1000 - i)).collect();
    let got = reports(&[("RateLimit", &text.join(", "))]);
    assert_eq!(got.len(), MOST_POLICIES);
    assert!(got.iter().any(|report| report.remaining == 901));
}

#[test]
fn hostile_named_fields_are_as_good_as_none() {
    for text in [
        "",
        ",",
        r#""a""#,
        r#""a";r=-1;t=5"#,
        r#""a";r=9999999999999999;t=1"#,
        r#""a";r=1.5"#,
        r#""a";r="0""#,
        r#""a";R=0"#,
        r#""a;r=0;t=5"#,
        r#""a";r=0;t=5,"#,
        r#""a";r=0;;t=5"#,
        r#""a";r=0 "b";r=0"#,
        r#"("a");r=0"#,
        r#"5;r=0"#,
        r#""a\n";r=0"#,
    ] {
        assert_eq!(short(&[("RateLimit", text)]), [], "{text}");
    }
    assert_eq!(short(&[("RateLimit", r#""a";r=0;t=-5"#)]), [one("a", 0, None, None, None)], "a bad time is none");
    let mut bytes = HeaderMap::new();
    bytes.insert("ratelimit", HeaderValue::from_bytes(b"\"\xff\";r=0").unwrap());
    assert_eq!(read(&bytes, &|| WALL), []);
    let largest = short(&[("RateLimit", r#""a";r=999999999999999;t=999999999999999"#)]);
    assert_eq!(largest, [one("a", 999_999_999_999_999, 999_999_999_999_999, None, None)]);
}

#[test]
fn a_broken_policy_field_does_not_take_the_limit_field_with_it() {
    let got = short(&[("RateLimit", r#""a";r=1;t=2"#), ("RateLimit-Policy", r#""a";q=;w"#)]);
    assert_eq!(got, [one("a", 1, 2, None, None)]);
    let got = short(&[("RateLimit", r#""a";r=1;t=2"#), ("RateLimit-Policy", r#""a";q=5;w=0"#)]);
    assert_eq!(got, [one("a", 1, 2, Some(5), None)]);
}

#[test]
fn draft_07_is_one_dictionary() {
    for (text, expected) in [
        ("limit=100, remaining=99, reset=50", Some(one("", 99, 50, Some(100), Some(60)))),
        ("remaining=0,reset=7", Some(one("", 0, 7, None, None))),
        ("remaining=4;x=1, remaining=3", Some(one("", 3, None, None, None))),
        ("limit=100, remaining=-1, reset=50", None),
        ("limit=100, reset=50", None),
        ("limit=100; remaining=1 reset=50", None),
    ] {
        let got = short(&[("RateLimit", text), ("RateLimit-Policy", "100;w=60, 5000;w=3600")]);
        assert_eq!(got, Vec::from_iter(expected), "{text}");
    }
    assert_eq!(reports(&[("RateLimit", "remaining=1")])[0].meaning, Meaning::Whole);
}

#[test]
fn draft_06_is_three_fields() {
    let got = short(&[
        ("RateLimit-Limit", "100, 100;w=60"),
        ("RateLimit-Remaining", "7"),
        ("RateLimit-Reset", "50"),
        ("RateLimit-Policy", "100;w=60"),
    ]);
    assert_eq!(got, [one("", 7, 50, Some(100), Some(60))]);
}

#[test]
fn the_trio_tells_waits_from_dates() {
    let date = "Wed, 01 Jan 2025 00:00:10 GMT";
    for (reset, with_date, without) in [
        ("30", Some(30), Some(30)),
        ("0", Some(0), Some(0)),
        ("2.001", Some(3), Some(3)),
        ("1735689640", Some(30), Some(40)),
        ("1735689639.5", Some(30), Some(40)),
        ("1735689639001", Some(30), Some(40)),
        ("1735689500", Some(0), Some(0)),
        ("999999999", Some(999_999_999), Some(999_999_999)),
        ("-5", None, None),
        ("soon", None, None),
        ("99999999999999999999999", None, None),
        ("2025-01-01T00:00:40Z", None, None),
    ] {
        for prefix in ["X-RateLimit", "X-Rate-Limit"] {
            let names = [format!("{prefix}-Limit"), format!("{prefix}-Remaining"), format!("{prefix}-Reset")];
            let mut lines = vec![(&*names[0], "60"), (&*names[1], "5"), (&*names[2], reset)];
            assert_eq!(short(&lines), [one("", 5, without, Some(60), None)], "{reset}");
            lines.push(("Date", date));
            assert_eq!(short(&lines), [one("", 5, with_date, Some(60), None)], "{reset}");
        }
    }
}

#[test]
fn of_several_values_of_the_trio_the_strictest_counts() {
    let got = short(&[
        ("X-RateLimit-Remaining", "5, 2"),
        ("X-RateLimit-Remaining", "9"),
        ("X-RateLimit-Reset", "3"),
        ("X-RateLimit-Reset", "8"),
    ]);
    assert_eq!(got, [one("", 2, 8, None, None)]);
}

#[test]
fn the_newest_family_that_can_be_read_is_believed() {
    let legacy = [("X-RateLimit-Remaining", "5"), ("X-RateLimit-Reset", "8")];
    let named = [("RateLimit", r#""a";r=1;t=2"#)];
    assert_eq!(short(&[&named[..], &legacy].concat()), [one("a", 1, 2, None, None)]);
    let broken = [("RateLimit", r#"a b;r=1"#)];
    assert_eq!(short(&[&broken[..], &legacy].concat()), [one("", 5, 8, None, None)]);
}

#[test]
fn an_answer_from_a_cache_says_nothing_about_now() {
    assert_eq!(short(&[("RateLimit", r#""a";r=0;t=2"#), ("Age", "3")]), []);
    assert_eq!(short(&[("RateLimit", r#""a";r=0;t=2"#), ("Age", "0")]).len(), 1);
}

#[test]
fn lists_are_accepted_exactly_where_the_reference_parser_accepts_them() {
    for text in [
        r#""a";r=1, b;r=2"#,
        r#""a" ;r=1"#,
        r#""a"; r=1"#,
        r#""a";r= 1"#,
        "a,b",
        "a,,b",
        "a,",
        ",a",
        "a;b;c=?0",
        "a;b=?2",
        "1.25",
        "1.2345",
        "123456789012345",
        "1234567890123456",
        "1234567890123.5",
        "-0",
        "-",
        "--1",
        "1.",
        "*a",
        "a*b;*c=1",
        "a;B=1",
        "a;_b",
        ":aGk=:",
        "@5",
        "@5.5",
        "?1",
        "\"\u{7f}\"",
        "\t1",
        "1\t",
        "1 \t, 2",
        "a=1",
        "a b",
        "",
    ] {
        let reference = sfv::Parser::new(text).parse::<sfv::List>().is_ok();
        assert_eq!(structured::list(text).is_some(), reference, "{text:?}");
    }
}
