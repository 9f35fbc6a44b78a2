//! A batch: what one row says.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::time::Nanos;

/// How the details of a row are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// `{"client:rule": n}`. Pairs that read alike are added together.
    #[default]
    Flat,
    /// `{"rule": {"client": n}}`, which is never ambiguous.
    Nested,
}

/// How often one client violated one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violations {
    /// The rule's public name. A rule in shadow is followed by ` (shadow)`.
    pub rule: Arc<str>,
    /// The client, as the tracker shows clients.
    pub client: Arc<str>,
    /// How often.
    pub count: u64,
}

/// What one row says: the violations that one process saw in a stretch of time.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(super) id: u128,
    pub(super) instance: Arc<str>,
    pub(super) window: (Nanos, Nanos),
    pub(super) violations: Vec<Violations>,
    pub(super) total: u64,
}

impl Batch {
    /// Sorts what was counted, and adds together what is called alike.
    pub(super) fn new(
        id: u128,
        instance: Arc<str>,
        window: (Nanos, Nanos),
        counted: impl IntoIterator<Item = Violations>,
    ) -> Self {
        let mut sums: BTreeMap<(Arc<str>, Arc<str>), u64> = BTreeMap::new();
        for one in counted {
            let sum = sums.entry((one.rule, one.client)).or_default();
            *sum = sum.saturating_add(one.count);
        }
        let total = sums.values().fold(0, |total: u64, count| total.saturating_add(*count));
        let violations = sums.into_iter().map(|((rule, client), count)| Violations { rule, client, count }).collect();
        Batch { id, instance, window, violations, total }
    }

    /// What a sink knows the batch by when it comes again: drawn at random.
    #[must_use]
    pub fn id(&self) -> u128 {
        self.id
    }

    /// The id in the form of a UUID.
    #[must_use]
    pub fn uuid(&self) -> impl fmt::Display {
        Uuid(self.id)
    }

    /// The process that counted.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// When counting began.
    #[must_use]
    pub fn window_start(&self) -> SystemTime {
        UNIX_EPOCH + self.window.0.into()
    }

    /// When counting ended.
    #[must_use]
    pub fn window_end(&self) -> SystemTime {
        UNIX_EPOCH + self.window.1.into()
    }

    /// The window in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn window(&self) -> (Nanos, Nanos) {
        self.window
    }

    /// All violations together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// By rule and client, in that order.
    #[must_use]
    pub fn violations(&self) -> &[Violations] {
        &self.violations
    }

    /// The details, flat.
    #[must_use]
    pub fn details(&self) -> Value {
        self.details_as(Layout::Flat)
    }

    /// The details in a layout. They sum to the total.
    #[must_use]
    pub fn details_as(&self, layout: Layout) -> Value {
        let mut details = Map::new();
        for one in &self.violations {
            let (object, name) = match layout {
                Layout::Flat => (&mut details, format!("{}:{}", one.client, one.rule)),
                Layout::Nested => {
                    let rule = details.entry(one.rule.to_string()).or_insert_with(|| Value::Object(Map::new()));
                    let Value::Object(clients) = rule else { continue };
                    (clients, one.client.to_string())
                }
            };
            let known = object.get(&name).and_then(Value::as_u64).unwrap_or(0);
            object.insert(name, known.saturating_add(one.count).into());
        }
        Value::Object(details)
    }

    /// The row as one object: `instance`, `total_count`, `details`, `window_start` and `window_end` in
    /// milliseconds since the Unix epoch, `batch_id`.
    #[must_use]
    pub fn to_json(&self, layout: Layout) -> Value {
        let millis = |at: Nanos| at.get() / 1_000_000;
        serde_json::json!({
            "instance": &*self.instance,
            "total_count": self.total,
            "details": self.details_as(layout),
            "window_start": millis(self.window.0),
            "window_end": millis(self.window.1),
            "batch_id": self.uuid().to_string(),
        })
    }
}

struct Uuid(u128);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Version 4, variant 1 (RFC 9562): all else is random.
        let bits = self.0 & !(0xf << 76 | 0x3 << 62) | 4 << 76 | 2 << 62;
        let hex = format!("{bits:032x}");
        let part = |range: core::ops::Range<usize>| hex.get(range).unwrap_or_default();
        write!(f, "{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(rule: &str, client: &str, count: u64) -> Violations {
        Violations { rule: rule.into(), client: client.into(), count }
    }

    fn batch(counted: impl IntoIterator<Item = Violations>) -> Batch {
        Batch::new(7, "gw".into(), (Nanos::ZERO, Nanos::new(1_500_000_000)), counted)
    }

    #[test]
    fn labels_that_read_alike_are_added_together_and_nested_ones_are_not() {
        let batch = batch([counted("c", "a:b", 2), counted("b:c", "a", 5)]);
        assert_eq!(batch.total(), 7);
        assert_eq!(batch.details_as(Layout::Flat).to_string(), r#"{"a:b:c":7}"#);
        assert_eq!(batch.details_as(Layout::Nested).to_string(), r#"{"b:c":{"a":5},"c":{"a:b":2}}"#);
    }

    #[test]
    fn one_pair_counted_twice_is_one_entry() {
        let batch = batch([counted("r", "a", 2), counted("r", "b", 1), counted("r", "a", 3)]);
        assert_eq!(batch.violations(), [counted("r", "a", 5), counted("r", "b", 1)]);
    }

    #[test]
    fn an_id_reads_as_a_random_uuid() {
        let all = batch([]).uuid().to_string();
        assert_eq!(all, "00000000-0000-4000-8000-000000000007");
        let ones = Uuid(u128::MAX).to_string();
        assert_eq!(ones, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
