//! `RateLimit-Policy` and `RateLimit` as of draft-ietf-httpapi-ratelimit-headers-11: two
//! structured-field lists (RFC 9651). The one place that knows the draft's syntax.

use super::base64;
use super::choice::DeniedItems;
use super::lines::Lines;
use super::names;
use super::view::{PolicyView, Row, View, Wait, secs, secs_to_wait};

/// Every policy that the decision knows.
pub(super) fn policies(lines: &mut Lines<'_>, view: &View<'_>) {
    for row in &view.rows {
        member(lines, &row.policy, ";q=", row.policy.quota);
        if let Some(unit) = row.policy.unit {
            lines.text(";qu=");
            string(lines, unit);
        }
        if let Some(window) = row.policy.window
            && window.subsec_nanos() == 0
            && window.as_secs() > 0
        {
            // A window that is not whole seconds is left out: rounding would misstate the rate.
            lines.text(";w=");
            lines.number(window.as_secs());
        }
        partition(lines, &row.policy);
    }
    if !lines.is_at_start() {
        lines.add(&names::RATELIMIT_POLICY);
    }
}

/// What is left. On a refusal the violated policies alone, unless `shown` says otherwise, so that
/// no time shown is later than `Retry-After`.
pub(super) fn items(lines: &mut Lines<'_>, view: &View<'_>, shown: DeniedItems) {
    for row in &view.rows {
        let Some(numbers) = row.numbers else { continue };
        if view.refused.is_some() && row.wait.is_none() && shown == DeniedItems::Violated {
            continue;
        }
        member(lines, &row.policy, ";r=", numbers.remaining);
        if let Some(time) = time(row) {
            lines.text(";t=");
            lines.number(time);
        }
        partition(lines, &row.policy);
    }
    if !lines.is_at_start() {
        lines.add(&names::RATELIMIT);
    }
}

fn time(row: &Row<'_>) -> Option<u64> {
    match row.wait {
        Some(Wait::After(wait)) => Some(secs_to_wait(wait)),
        Some(_) => None,
        None => row.numbers?.pace.map(secs),
    }
}

fn member(lines: &mut Lines<'_>, policy: &PolicyView<'_>, parameter: &str, number: u64) {
    if !lines.is_at_start() {
        lines.text(", ");
    }
    string(lines, policy.name);
    lines.text(parameter);
    lines.number(number);
}

/// A string (RFC 9651, section 4.1.6). Policies with other characters are refused when they are
/// built; should one come this far, it is made safe.
fn string(lines: &mut Lines<'_>, text: &str) {
    lines.byte(b'"');
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' if byte != b'"' && byte != b'\\')) {
        lines.text(text);
        lines.byte(b'"');
        return;
    }
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                lines.byte(b'\\');
                lines.byte(letter as u8);
            }
            ' '..='~' => lines.byte(letter as u8),
            _ => lines.byte(b'?'),
        }
    }
    lines.byte(b'"');
}

fn partition(lines: &mut Lines<'_>, policy: &PolicyView<'_>) {
    let Some(key) = &policy.partition else { return };
    lines.text(";pk=:");
    base64::letters(key).for_each(|letter| lines.byte(letter));
    (0..base64::padding(key.len())).for_each(|_| lines.byte(b'='));
    lines.byte(b':');
}
