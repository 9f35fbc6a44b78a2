//! What a server says about its limits: the `RateLimit` fields of draft-08 to draft-11, those of draft-06 and
//! draft-07, and the `X-RateLimit-*` trio, made into one list of reports. One family is believed per answer,
//! the newest that can be read, because a server that sends several says the same in each.

use std::cmp::Reverse;

use http::HeaderMap;

use super::retry_after;
use super::structured::{self, Bare, Item};

/// More policies than this in one answer are not remembered.
const MOST_POLICIES: usize = 8;
/// A reset from here on is a date: as a wait it would be 31 years.
const FIRST_EPOCH: u64 = 1_000_000_000;
/// A date from here on is in milliseconds: in seconds it would be the year 5138.
const FIRST_EPOCH_MILLIS: u64 = 100_000_000_000;

/// What the time beside the remaining units means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// No more than the remaining units may be used in it.
    Pace,
    /// The whole quota is back after it.
    Whole,
}

/// One policy, as one answer reports it. Times are in seconds, rounded up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Empty for the families that carry one policy without a name.
    pub(super) name: String,
    pub(super) remaining: u64,
    pub(super) seconds: Option<u64>,
    pub(super) meaning: Meaning,
    pub(super) limit: Option<u64>,
    pub(super) window: Option<u64>,
}

/// Reads the reports of an answer; none where it carries no such fields, or none that can be read.
pub(super) fn read(headers: &HeaderMap, wall: &dyn Fn() -> u64) -> Vec<Report> {
    // An answer that waited in a cache tells of the time when it was made.
    if headers.get(http::header::AGE).is_some_and(|age| age != "0") {
        return Vec::new();
    }
    let mut reports = named(headers);
    if reports.is_empty() {
        reports.extend(draft07(headers).or_else(|| draft06(headers)).or_else(|| legacy(headers, wall)));
    }
    reports
}

/// Draft-08 and later: lists of named policies.
fn named(headers: &HeaderMap) -> Vec<Report> {
    let items = joined(headers, "ratelimit").and_then(|text| structured::list(&text)).unwrap_or_default();
    let policies = policies(headers);
    let mut reports: Vec<Report> = Vec::new();
    for item in items {
        let Bare::Text(name) = &item.value else { continue };
        let Some(remaining) = item.count("r") else { continue };
        let policy = policies.iter().find(|policy| policy.value == item.value);
        // Bytes and slots are not spent one a request.
        if policy.and_then(|policy| policy.param("qu")).is_some_and(|unit| *unit != Bare::Text("requests".into())) {
            continue;
        }
        let report = Report {
            name: name.clone(),
            remaining,
            seconds: item.count("t"),
            meaning: Meaning::Pace,
            limit: policy.and_then(|policy| policy.count("q")),
            window: policy.and_then(|policy| policy.count("w")).filter(|window| *window > 0),
        };
        keep(&mut reports, report);
    }
    reports
}

/// Adds a report: of two with one name the stricter stays, of too many the one with most left goes.
fn keep(reports: &mut Vec<Report>, report: Report) {
    let strictness = |report: &Report| (report.remaining, Reverse(report.seconds));
    if let Some(known) = reports.iter_mut().find(|known| known.name == report.name) {
        if strictness(&report) < strictness(known) {
            *known = report;
        }
    } else if reports.len() < MOST_POLICIES {
        reports.push(report);
    } else if let Some(loosest) = reports.iter_mut().max_by_key(|known| known.remaining)
        && loosest.remaining > report.remaining
    {
        *loosest = report;
    }
}

/// Draft-07: one dictionary.
fn draft07(headers: &HeaderMap) -> Option<Report> {
    let members = structured::integers(&joined(headers, "ratelimit")?)?;
    let member = |name: &str| {
        let (_, value) = members.iter().rev().find(|(key, _)| key == name)?;
        u64::try_from(*value).ok()
    };
    Some(unnamed(headers, member("limit"), member("remaining")?, member("reset")))
}

/// Draft-06: three fields.
fn draft06(headers: &HeaderMap) -> Option<Report> {
    let remaining = numbers(headers, "ratelimit-remaining").min()?;
    let limit = numbers(headers, "ratelimit-limit").min();
    Some(unnamed(headers, limit, remaining, numbers(headers, "ratelimit-reset").max()))
}

fn unnamed(headers: &HeaderMap, limit: Option<u64>, remaining: u64, seconds: Option<u64>) -> Report {
    let window = policies(headers)
        .iter()
        .find(|item| matches!(item.value, Bare::Integer(q) if limit == u64::try_from(q).ok()))
        .and_then(|item| item.count("w"))
        .filter(|window| *window > 0);
    Report { name: String::new(), remaining, seconds, meaning: Meaning::Whole, limit, window }
}

/// The trio, in both spellings; its reset is a wait or a date.
fn legacy(headers: &HeaderMap, wall: &dyn Fn() -> u64) -> Option<Report> {
    let (limit, remaining, reset) = [
        ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
        ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"),
    ]
    .into_iter()
    .find(|(_, remaining, _)| headers.contains_key(*remaining))?;
    let remaining = numbers(headers, remaining).min()?;
    let limit = numbers(headers, limit).min();
    let seconds = numbers(headers, reset).max().map(|value| {
        if value < FIRST_EPOCH {
            return value;
        }
        let epoch = if value < FIRST_EPOCH_MILLIS { value } else { value.div_ceil(1000) };
        epoch.saturating_sub(retry_after::date(headers).unwrap_or_else(wall))
    });
    Some(Report { name: String::new(), remaining, seconds, meaning: Meaning::Whole, limit, window: None })
}

fn policies(headers: &HeaderMap) -> Vec<Item> {
    joined(headers, "ratelimit-policy").and_then(|text| structured::list(&text)).unwrap_or_default()
}

/// The lines of a list field are one list.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut lines = headers.get_all(name).iter();
    let mut text = lines.next()?.to_str().ok()?.to_owned();
    for line in lines {
        text.push_str(", ");
        text.push_str(line.to_str().ok()?);
    }
    Some(text)
}

/// The numbers of a field outside any grammar: comma-separated, parameters cut off, fractions rounded up.
fn numbers<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = u64> + 'a {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|part| number(part.split(';').next().unwrap_or(part).trim()))
}

fn number(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let up = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(whole.parse::<u64>().ok()?.saturating_add(up))
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
