//! The quota notation: what is read, what is refused, and in which words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use core::error::Error as _;
use core::str::FromStr;

use limiter_core::quota::{
    Alignment, MAX_COUNT, MAX_TIME_TO_FULL, NotationError, NotationErrorKind as Kind, Quota, QuotaError, QuotaList,
    parse_duration, parse_period,
};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

// Tables keep one row a case, which the formatter would break up.

/// Text, count, period in nanoseconds, capacity, canonical text.
#[rustfmt::skip]
const ACCEPTED: &[(&str, u64, u64, u64, &str)] = &[
    ("100/min", 100, 60 * SECOND, 100, "100/min"),
    ("  100 /  2MINUTES  ", 100, 120 * SECOND, 100, "100/2min"),
    ("100/M", 100, 60 * SECOND, 100, "100/min"),
    ("5/15min", 5, 900 * SECOND, 5, "5/15min"),
    ("10 per 2 hours", 10, 7_200 * SECOND, 10, "10/2h"),
    ("10PER hr", 10, 3_600 * SECOND, 10, "10/h"),
    ("1_000 per day", 1_000, 86_400 * SECOND, 1_000, "1000/d"),
    ("007/sec", 7, SECOND, 7, "7/s"),
    ("3/weeks", 3, 604_800 * SECOND, 3, "3/w"),
    ("24/24h", 24, 86_400 * SECOND, 24, "24/d"),
    ("1/90s", 1, 90 * SECOND, 1, "1/90s"),
    ("5/1ms", 5, 1_000_000, 5, "5/1ms"),
    ("5/100 milliseconds", 5, 100_000_000, 5, "5/100ms"),
    ("5/1500ns", 5, 1_500, 5, "5/1500ns"),
    ("5/1000000000000001ns", 5, 1_000_000_000_000_001, 5, "5/1000000000000001ns"),
    ("10/s burst 20", 10, SECOND, 20, "10/s burst 20"),
    ("10/s BURST1", 10, SECOND, 1, "10/s burst 1"),
    ("0/s", 0, SECOND, 0, "0/s"),
    ("10/s aligned", 10, SECOND, 10, "10/s aligned"),
    ("10/h aligned utc", 10, 3_600 * SECOND, 10, "10/h aligned"),
    ("10/d aligned utc+5:30", 10, 86_400 * SECOND, 10, "10/d aligned utc+5:30"),
    ("10/d aligned utc - 3 burst 4", 10, 86_400 * SECOND, 4, "10/d burst 4 aligned utc-3"),
    ("1/36525d", 1, 36_525 * 86_400 * SECOND, 1, "1/36525d"),
    ("999999999999999/s", MAX_COUNT, SECOND, MAX_COUNT, "999999999999999/s"),
];

#[test]
fn every_documented_spelling_is_read_as_what_it_says() {
    for &(text, count, period, capacity, canonical) in ACCEPTED {
        let quota: Quota = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((quota.count(), quota.period_nanos(), quota.burst()), (count, period, capacity), "{text}");
        assert_eq!(quota.to_string(), canonical, "{text}");
    }
}

/// Text, offset, fragment, kind, suggestion.
type Refusal = (&'static str, usize, &'static str, Kind, Option<&'static str>);

#[rustfmt::skip]
const REFUSED: &[Refusal] = &[
    ("", 0, "", Kind::Empty, None),
    (" \t", 0, "", Kind::Empty, None),
    ("100", 0, "100", Kind::MissingPeriod, Some("100/min")),
    (" 100 ", 1, "100", Kind::MissingPeriod, Some("100/min")),
    ("100/", 4, "", Kind::MissingUnit, Some("100/min")),
    ("100/300", 4, "300", Kind::MissingUnit, Some("100/300s")),
    ("/min", 0, "/min", Kind::MissingNumber, None),
    ("abc", 0, "abc", Kind::MissingNumber, None),
    ("10/minuts", 3, "minuts", Kind::UnknownUnit, Some("10/min")),
    ("10 per horu", 7, "horu", Kind::UnknownUnit, Some("10 per h")),
    ("10/x", 3, "x", Kind::UnknownUnit, None),
    ("10/\u{b5}s", 3, "\u{b5}s", Kind::UnknownUnit, None),
    ("10/\u{5206}", 3, "\u{5206}", Kind::UnknownUnit, None),
    ("5/ms", 2, "ms", Kind::MultipleNeeded, Some("5/1ms")),
    ("100/month", 4, "month", Kind::CalendarUnit, Some("100/30d")),
    ("100/2 months", 6, "months", Kind::CalendarUnit, None),
    ("100/year", 4, "year", Kind::CalendarUnit, Some("100/365d")),
    ("10.5/s", 0, "10.5", Kind::Fraction, Some("21/2s")),
    (".5 per min", 0, ".5", Kind::Fraction, Some("1/2min")),
    ("10.0/s", 0, "10.0", Kind::Fraction, Some("10/s")),
    ("5/1.5s", 2, "1.5", Kind::Fraction, None),
    ("-5/s", 0, "-5", Kind::Sign, None),
    ("\u{2212}5/s", 0, "\u{2212}5", Kind::Sign, None),
    ("+5/s", 0, "+5", Kind::Sign, Some("5/s")),
    ("10/-5s", 3, "-5", Kind::Sign, None),
    ("1__0/s", 0, "1__0", Kind::MisplacedUnderscore, Some("10/s")),
    ("_1/s", 0, "_1", Kind::MisplacedUnderscore, Some("1/s")),
    ("1_/s", 0, "1_", Kind::MisplacedUnderscore, Some("1/s")),
    ("1000000000000000/s", 0, "1000000000000000", Kind::NumberTooLarge, None),
    ("18446744073709551616/s", 0, "18446744073709551616", Kind::NumberTooLarge, None),
    ("5/s burst 1000000000000000", 10, "1000000000000000", Kind::NumberTooLarge, None),
    ("5/0s", 2, "0s", Kind::Quota(QuotaError::ZeroPeriod), None),
    ("5/s burst 0", 10, "0", Kind::Quota(QuotaError::ZeroBurst), Some("5/s")),
    ("5/s burst", 9, "", Kind::MissingNumber, None),
    ("5/s burst x", 10, "x", Kind::MissingNumber, None),
    ("5/s burst=20", 9, "=20", Kind::MissingNumber, Some("5/s burst 20")),
    ("5/s brust 20", 4, "brust", Kind::Unexpected, Some("5/s burst 20")),
    ("5/s burst 2 burst 3", 12, "burst", Kind::Repeated, None),
    ("5/s aligned aligned", 12, "aligned", Kind::Repeated, None),
    ("5/s please", 4, "please", Kind::Unexpected, None),
    ("5/1m30s", 4, "30s", Kind::Unexpected, None),
    ("unlimited burst 5", 10, "burst", Kind::Unexpected, None),
    ("5/h aligned utc+2", 12, "utc+2", Kind::OffsetNeedsDays, None),
    ("5/d utc+2", 4, "utc", Kind::Unexpected, Some("5/d aligned utc+2")),
    ("5/d aligned utc+530", 12, "utc+530", Kind::BadOffset, Some("5/d aligned utc+5:30")),
    ("5/d aligned utc+24", 12, "utc+24", Kind::BadOffset, None),
    ("5/d aligned utc+5:60", 12, "utc+5:60", Kind::BadOffset, None),
    ("5/d aligned utc+", 16, "", Kind::MissingNumber, None),
    ("10/s, 5/min", 4, ",", Kind::SeveralQuotas, None),
    ("unlimted", 0, "unlimted", Kind::MissingNumber, Some("unlimited")),
    ("none", 0, "none", Kind::MissingNumber, Some("unlimited")),
    // What other systems write.
    ("100r/m", 3, "r", Kind::MissingSlash, Some("100/m")),
    ("1000-H", 4, "-H", Kind::MissingSlash, Some("1000/h")),
    ("1000-X", 4, "-X", Kind::MissingSlash, None),
    ("60,1", 0, "60", Kind::MissingPeriod, Some("60/min")),
    ("60,15", 0, "60", Kind::MissingPeriod, Some("60/15min")),
    ("60,120", 0, "60", Kind::MissingPeriod, None),
    ("1,000/min", 0, "1", Kind::MissingPeriod, Some("1_000/min")),
    ("10, \"10 s\"", 0, "10", Kind::MissingPeriod, Some("10/10s")),
    ("100rpm", 3, "rpm", Kind::MissingSlash, Some("100/m")),
    ("100 requests per minute", 4, "requests", Kind::MissingSlash, Some("100 per minute")),
    ("3 times a day", 2, "times", Kind::MissingSlash, Some("3/day")),
    ("100 min", 4, "min", Kind::MissingSlash, Some("100/min")),
    ("10k/s", 2, "k", Kind::MissingSlash, Some("10_000/s")),
    ("rate=10r/s burst=20 nodelay", 0, "rate", Kind::MissingNumber, Some("10/s burst 20")),
];

fn assert_refused<T: core::fmt::Debug>(
    result: Result<T, NotationError>,
    &(text, offset, fragment, kind, suggestion): &Refusal,
) {
    let error = result.expect_err(text);
    assert_eq!((error.offset(), error.fragment()), (offset, fragment), "{text}");
    assert_eq!(error.kind(), kind, "{text}");
    assert_eq!(error.suggestion(), suggestion, "{text}");
}

#[test]
fn every_slip_is_refused_at_its_place_with_what_was_meant() {
    for refusal in REFUSED {
        assert_refused(Quota::from_str(refusal.0), refusal);
    }
}

#[test]
fn a_message_names_the_value_what_is_wrong_and_what_is_accepted() {
    const QUOTAS: &str = "accepted: `100/min`, `5/15min`, `10/s burst 20`, `unlimited`";
    let message = |text: &str| Quota::from_str(text).unwrap_err().to_string();
    assert_eq!(
        message("10/minuts"),
        "unknown unit `minuts` at byte 3 in `10/minuts`; did you mean `10/min`? \
         accepted: ms, s, min, h, d, w"
    );
    assert_eq!(
        message("100"),
        format!("no period after `100` at byte 0 in `100`; say per what, for example `100/min`; {QUOTAS}")
    );
    assert_eq!(
        message("100/month"),
        "months and years differ in length, say days instead of `month` at byte 4 in `100/month`; \
         did you mean `100/30d`? accepted: ms, s, min, h, d, w"
    );
    assert_eq!(
        message("5/ms"),
        "a multiple is needed, if only of 1, before `ms` at byte 2 in `5/ms`; \
         did you mean `5/1ms`? accepted: `5/1ms`, `5/100ms`"
    );
    assert_eq!(
        message("100r/m"),
        format!("expected `/` or `per`, found `r` at byte 3 in `100r/m`; did you mean `100/m`? {QUOTAS}")
    );
    assert_eq!(
        message("5/s burst"),
        "number missing at byte 9 in `5/s burst`; accepted: whole numbers such as `1000` or `1_000`"
    );
    assert_eq!(
        message("1/week burst 1_000_000"),
        "`1/w burst 1000000` takes over 19164 years to fill up, the limit is 100 years \
         (byte 0 in `1/week burst 1_000_000`)"
    );
    assert_eq!(
        message("5/s burst 0"),
        "a burst of 0 lets nothing through, use 1 or more, or `0/..` to deny \
         (byte 10 in `5/s burst 0`); did you mean `5/s`?"
    );
    assert_eq!(message("0/s burst 5"), "`0/s` has no rate and takes no burst (byte 0 in `0/s burst 5`)");
    assert_eq!(message("5/36526d"), "the period is over 100 years long, the limit is 100 years (byte 2 in `5/36526d`)");
}

#[test]
fn a_message_stays_one_line_however_long_the_text_is() {
    let message = Quota::from_str(&format!("1\n{}", "x".repeat(5_000))).unwrap_err().to_string();
    assert!(message.contains("in `1\\nxxx"), "{message}");
    assert!(message.len() < 400 && !message.contains('\n'), "{message}");
}

#[test]
fn an_impossible_quota_is_the_source_of_its_notation_error() {
    let impossible = Quota::from_str("5/0s").unwrap_err();
    assert_eq!(impossible.source().unwrap().to_string(), QuotaError::ZeroPeriod.to_string());
    assert!(Quota::from_str("5/x").unwrap_err().source().is_none());
}

#[test]
fn a_list_takes_both_separators_and_prints_one() {
    for text in ["10/s burst 20, 1000/h", "10/s burst 20;1000/h", " 10/s burst 20 ; 1000 per hour "] {
        let list: QuotaList = text.parse().unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list.to_string(), "10/s burst 20, 1000/h");
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), list.clone().into_iter().collect::<Vec<_>>());
    }
    assert_eq!(QuotaList::from_str("unlimited").unwrap(), QuotaList::from(Quota::UNLIMITED));
}

#[test]
fn a_list_refuses_what_cannot_have_been_meant_together() {
    #[rustfmt::skip]
    const LISTS: &[Refusal] = &[
        ("", 0, "", Kind::Empty, None),
        ("10/s,", 5, "", Kind::Empty, None),
        (",10/s", 0, "", Kind::Empty, None),
        ("10/s,,5/h", 5, "", Kind::Empty, None),
        ("10/s, 10 / 1000ms", 6, "10 / 1000ms", Kind::Duplicate, None),
        ("10/s, 10/s burst 10", 6, "10/s burst 10", Kind::Duplicate, None),
        ("10/s, unlimited", 6, "unlimited", Kind::UnlimitedInList, None),
        ("unlimited, 10/s", 0, "unlimited", Kind::UnlimitedInList, None),
        ("10/s, 20/minuts, 5/h", 9, "minuts", Kind::UnknownUnit, Some("20/min")),
        ("10/s, 7", 6, "7", Kind::MissingPeriod, Some("7/min")),
        ("10/s, burst 20", 6, "burst", Kind::MissingNumber, Some("10/s burst 20")),
        ("60,1", 0, "60", Kind::MissingPeriod, Some("60/min")),
        ("10/s|100/h", 4, "|100/h", Kind::Unexpected, Some("10/s, 100/h")),
    ];
    for refusal in LISTS {
        assert_refused(QuotaList::from_str(refusal.0), refusal);
    }
}

#[test]
fn a_period_is_a_unit_with_an_optional_multiple() {
    assert_eq!(parse_period("min").unwrap(), 60 * SECOND);
    assert_eq!(parse_period(" 15 Min ").unwrap(), 900 * SECOND);
    assert_eq!(parse_period("100ms").unwrap(), SECOND / 10);
    #[rustfmt::skip]
    const PERIODS: &[Refusal] = &[
        ("", 0, "", Kind::Empty, None),
        ("15", 0, "15", Kind::MissingUnit, Some("15min")),
        ("ms", 0, "ms", Kind::MultipleNeeded, Some("1ms")),
        ("minuts", 0, "minuts", Kind::UnknownUnit, Some("min")),
        ("month", 0, "month", Kind::CalendarUnit, Some("30d")),
        ("0s", 0, "0s", Kind::Quota(QuotaError::ZeroPeriod), None),
        ("min burst 5", 4, "burst", Kind::Unexpected, None),
    ];
    for refusal in PERIODS {
        assert_refused(parse_period(refusal.0), refusal);
    }
}

#[test]
fn a_duration_always_has_a_number_and_may_be_zero() {
    assert_eq!(parse_duration("250ms").unwrap(), SECOND / 4);
    assert_eq!(parse_duration("2 min").unwrap(), 120 * SECOND);
    assert_eq!(parse_duration("0s").unwrap(), 0);
    #[rustfmt::skip]
    const DURATIONS: &[Refusal] = &[
        ("s", 0, "s", Kind::MissingNumber, Some("1s")),
        ("250", 0, "250", Kind::MissingUnit, Some("250s")),
        ("1m30s", 2, "30s", Kind::Unexpected, None),
        ("0.5s", 0, "0.5", Kind::Fraction, None),
    ];
    for refusal in DURATIONS {
        assert_refused(parse_duration(refusal.0), refusal);
    }
    assert!(parse_duration("36526d").is_err());
}

fn any_alignment() -> impl Strategy<Value = Alignment> {
    prop_oneof![
        Just(Alignment::FirstHit),
        any::<i32>().prop_map(|offset_secs| Alignment::Epoch { offset_secs }),
        (-50_i32..50).prop_map(|hours| Alignment::Epoch { offset_secs: hours * 3_600 }),
    ]
}

/// Any period, and those that people write.
fn any_period() -> impl Strategy<Value = u64> {
    let units = [1, 1_000, 1_000_000, SECOND, 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND];
    prop_oneof![
        1..=u64::try_from(MAX_TIME_TO_FULL.as_nanos()).unwrap(),
        (1_u64..400, proptest::sample::select(units.to_vec())).prop_map(|(k, unit)| k * unit),
    ]
}

prop_compose! {
    fn any_quota()(
        count in prop_oneof![0..=MAX_COUNT, 0_u64..2_000],
        period in any_period(),
        burst in prop_oneof![Just(None), (1..=MAX_COUNT).prop_map(Some), (1_u64..2_000).prop_map(Some)],
        alignment in any_alignment(),
    ) -> Quota {
        // What cannot be built has tests of its own; here the next simpler quota stands in.
        let plain = Quota::from_nanos(count, period).unwrap_or(Quota::UNLIMITED);
        let quota = burst.and_then(|burst| plain.with_burst(burst).ok()).unwrap_or(plain);
        quota.with_alignment(alignment)
    }
}

/// Pieces of the notation in any order come much further into the parser than random characters.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = proptest::sample::select(vec![
        "10",
        "0",
        "1_0",
        "7.5",
        "-3",
        "999999999999999999999",
        "/",
        "per",
        " ",
        ",",
        ";",
        "|",
        "min",
        "minuts",
        "ms",
        "s",
        "w",
        "month",
        "burst",
        "brust",
        "aligned",
        "utc",
        "+",
        ":",
        "=",
        "r",
        "unlimited",
        "rate=",
        "\u{5206}",
        "\u{b5}",
        "\u{2212}",
        "\u{a0}",
        "k",
        "rpm",
        ".",
        "_",
        "\"",
    ]);
    proptest::collection::vec(scrap, 0..12).prop_map(|scraps| scraps.concat())
}

fn check_place(text: &str, error: &NotationError) {
    assert!(text.is_char_boundary(error.offset()), "{text:?}: {error:?}");
    assert!(text[error.offset()..].starts_with(error.fragment()), "{text:?}: {error:?}");
    assert!(!error.to_string().is_empty());
}

fn check_text(text: &str) {
    if let Err(error) = Quota::from_str(text) {
        check_place(text, &error);
        if let Some(meant) = error.suggestion() {
            assert!(Quota::from_str(meant).is_ok(), "{text:?} suggests {meant:?}");
        }
    }
    if let Err(error) = QuotaList::from_str(text) {
        check_place(text, &error);
        if let Some(meant) = error.suggestion() {
            assert!(QuotaList::from_str(meant).is_ok(), "{text:?} suggests {meant:?}");
        }
    }
    for parse in [parse_period, parse_duration] {
        if let Err(error) = parse(text) {
            check_place(text, &error);
            if let Some(meant) = error.suggestion() {
                assert!(parse(meant).is_ok(), "{text:?} suggests {meant:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(common::config())]

    #[test]
    fn the_text_of_a_quota_is_read_back_as_the_same_quota(quota in any_quota()) {
        let text = quota.to_string();
        prop_assert_eq!(text.parse::<Quota>(), Ok(quota), "{}", text);
    }

    #[test]
    fn the_interval_is_the_smallest_that_gives_no_more_than_the_count_per_period(quota in any_quota()) {
        let (count, interval) = (u128::from(quota.count()), u128::from(quota.interval_nanos()));
        let period = u128::from(quota.period_nanos());
        prop_assert!(interval >= 1);
        if !quota.denies_all() && !quota.is_unlimited() {
            prop_assert!(interval * count >= period);
            prop_assert!((interval - 1) * count < period);
            prop_assert!(u128::from(quota.burst()) * interval <= MAX_TIME_TO_FULL.as_nanos());
        }
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_within_it(text in ".{0,60}") {
        check_text(&text);
    }

    #[test]
    fn any_scraps_are_read_or_refused_and_suggestions_are_accepted(text in scraps()) {
        check_text(&text);
    }
}
