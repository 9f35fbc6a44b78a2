//! `RateLimit-Policy` and `RateLimit` as of draft-ietf-httpapi-ratelimit-headers-11: two
//! structured-field lists (RFC 9651). The one place that knows the draft's syntax.

use super::base64;
use super::choice::DeniedItems;
use super::lines::Lines;
use super::names;
use super::view::{PolicyView, Row, View, Wait, secs, secs_to_wait};

/// Every policy that the decision knows.
pub(super) fn policies<'n>(lines: &mut Lines<'n>, view: &View<'n>) {
    if let [row] = view.rows.as_slice()
        && let Some(line) = row.policy.line()
    {
        lines.add_ready(&names::RATELIMIT_POLICY, line);
        return;
    }
    for row in &view.rows {
        separate(lines);
        match row.policy.written {
            Some(written) => lines.bytes(written.policy.as_bytes()),
            None => policy(lines, &row.policy),
        }
        partition(lines, &row.policy);
    }
    if !lines.is_at_start() {
        lines.add(&names::RATELIMIT_POLICY);
    }
}

/// One policy, as far as it is the same for everybody.
pub(super) fn policy(lines: &mut Lines<'_>, policy: &PolicyView<'_>) {
    string(lines, policy.name);
    lines.text(";q=");
    lines.number(policy.quota);
    if let Some(unit) = policy.unit {
        lines.text(";qu=");
        string(lines, unit);
    }
    if let Some(window) = policy.window
        && window.subsec_nanos() == 0
        && window.as_secs() > 0
    {
        // A window that is not whole seconds is left out: rounding would misstate the rate.
        lines.text(";w=");
        lines.number(window.as_secs());
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
        separate(lines);
        match row.policy.written {
            Some(written) => lines.text(written.item),
            None => item(lines, &row.policy),
        }
        lines.number(numbers.remaining);
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

/// How the member that says what is left begins.
pub(super) fn item(lines: &mut Lines<'_>, policy: &PolicyView<'_>) {
    string(lines, policy.name);
    lines.text(";r=");
}

fn time(row: &Row<'_>) -> Option<u64> {
    match row.wait {
        Some(Wait::After(wait)) => Some(secs_to_wait(wait)),
        Some(_) => None,
        None => row.numbers?.pace.map(secs),
    }
}

fn separate(lines: &mut Lines<'_>) {
    if !lines.is_at_start() {
        lines.text(", ");
    }
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
