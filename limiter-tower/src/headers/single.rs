//! The families that have room for one policy: draft-06, draft-07 and the legacy trio.

use core::cmp::Reverse;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::choice::{Legacy, Prefix};
use super::lines::Lines;
use super::names;
use super::view::{Numbers, PolicyView, Row, View, secs};

/// The policy that these families show. `reset` is told in seconds from now.
pub(super) struct Chosen<'v, 'n> {
    policy: &'v PolicyView<'n>,
    numbers: Numbers,
}

impl<'v, 'n> Chosen<'v, 'n> {
    /// Passed: fewest units left, then the later reset, then declared order. Refused: the longest
    /// wait of the violated. Never a concurrency limit.
    pub(super) fn of(view: &'v View<'n>) -> Option<Self> {
        let rows = view.rows.iter().filter(|row| row.numbers.is_some() && row.policy.has_reset());
        let row = if view.refused.is_some() {
            rows.filter(|row| row.wait.is_some()).min_by_key(|row| Reverse(row.wait))
        } else {
            rows.min_by_key(|row| row.numbers.map(|numbers| (numbers.remaining, Reverse(numbers.reset))))
        };
        let Row { policy, numbers, .. } = row?;
        Some(Chosen { policy, numbers: (*numbers)? })
    }

    /// Seconds until the whole quota is back.
    fn reset(&self) -> u64 {
        self.numbers.reset.map_or(0, secs)
    }

    pub(super) fn draft06(&self, lines: &mut Lines<'_>, present: &HeaderMap) {
        if keeps(present, &names::RATELIMIT_REMAINING, &names::RATELIMIT_RESET, self.numbers.remaining, self.reset()) {
            return;
        }
        self.policy_line(lines);
        lines.number(self.policy.quota);
        lines.set(&names::RATELIMIT_LIMIT);
        lines.number(self.numbers.remaining);
        lines.set(&names::RATELIMIT_REMAINING);
        lines.number(self.reset());
        lines.set(&names::RATELIMIT_RESET);
    }

    pub(super) fn draft07(&self, lines: &mut Lines<'_>, present: &HeaderMap) {
        if let Some(theirs) = present.get(&names::RATELIMIT) {
            match (member(theirs, "remaining="), member(theirs, "reset=")) {
                (Some(remaining), Some(reset))
                    if !is_tighter(remaining, reset, self.numbers.remaining, self.reset()) => {}
                _ => return,
            }
        }
        self.policy_line(lines);
        lines.text("limit=");
        lines.number(self.policy.quota);
        lines.text(", remaining=");
        lines.number(self.numbers.remaining);
        lines.text(", reset=");
        lines.number(self.reset());
        lines.set(&names::RATELIMIT);
    }

    /// `unix` is the time since the epoch, for resets that are told as a date.
    pub(super) fn legacy(
        &self,
        lines: &mut Lines<'n>,
        present: &HeaderMap,
        prefix: &'n Prefix,
        form: Legacy,
        unix: Duration,
    ) {
        let reset = match form {
            Legacy::Delta => self.reset(),
            Legacy::Epoch => secs(unix.saturating_add(self.numbers.reset.unwrap_or_default())),
            Legacy::Off => return,
        };
        if keeps(present, &prefix.remaining, &prefix.reset, self.numbers.remaining, reset) {
            return;
        }
        match self.policy.written {
            Some(written) => lines.set_ready(&prefix.limit, &written.quota),
            None => {
                lines.number(self.policy.quota);
                lines.set(&prefix.limit);
            }
        }
        lines.number(self.numbers.remaining);
        lines.set(&prefix.remaining);
        lines.number(reset);
        lines.set(&prefix.reset);
    }

    /// The grammar that draft-06 and draft-07 share.
    fn policy_line(&self, lines: &mut Lines<'_>) {
        lines.number(self.policy.quota);
        if let Some(window) = self.policy.window
            && window.subsec_nanos() == 0
            && window.as_secs() > 0
        {
            lines.text(";w=");
            lines.number(window.as_secs());
        }
        lines.set(&names::RATELIMIT_POLICY);
    }
}

/// Whether numbers of a layer below stay: where there is room for one policy, the tighter wins.
/// What cannot be read is somebody else's, and stays.
fn keeps(present: &HeaderMap, remaining: &HeaderName, reset: &HeaderName, our_remaining: u64, our_reset: u64) -> bool {
    let Some(theirs) = present.get(remaining) else { return false };
    let Some(remaining) = number(theirs.as_bytes()) else { return true };
    let reset = present.get(reset).and_then(|value| number(value.as_bytes())).unwrap_or(0);
    is_tighter(remaining, reset, our_remaining, our_reset)
}

fn is_tighter(remaining: u64, reset: u64, our_remaining: u64, our_reset: u64) -> bool {
    (remaining, Reverse(reset)) <= (our_remaining, Reverse(our_reset))
}

fn member(value: &HeaderValue, key: &str) -> Option<u64> {
    let text = value.to_str().ok()?;
    text.split(", ").find_map(|member| number(member.strip_prefix(key)?.as_bytes()))
}

fn number(digits: &[u8]) -> Option<u64> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}
