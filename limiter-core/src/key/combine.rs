//! Keys made of several: the first that is there, or all together.

use std::sync::Arc;

use super::key_value::{Key, Part};
use super::source::{Extracted, KeyContext, KeySource};

/// The first source that finds a key: `header:x-api-key | ip`.
pub struct Fallback(Vec<Arc<dyn KeySource>>);

impl Fallback {
    /// Sources in order of preference.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn KeySource>>) -> Self {
        Fallback(sources)
    }
}

impl KeySource for Fallback {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        for (place, source) in (0u32..).zip(&self.0) {
            if let Extracted::Key(key) = source.key(request) {
                // The place in the list is part of the key: a header that spells out an address
                // must not spend that address's budget.
                return Extracted::Key(Key::from(Part::Alternative(place)).and(key));
            }
        }
        Extracted::Missing
    }

    fn describe(&self) -> String {
        describe(&self.0, " | ")
    }

    fn is_caller_chosen(&self) -> bool {
        self.0.iter().any(|source| source.is_caller_chosen())
    }

    fn is_per_client(&self) -> bool {
        self.0.iter().any(|source| source.is_per_client())
    }
}

/// Several sources together: `ip + path:tenant`. Missing if any of them is.
pub struct Composite(Vec<Arc<dyn KeySource>>);

impl Composite {
    /// The parts, in order.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn KeySource>>) -> Self {
        Composite(sources)
    }
}

impl KeySource for Composite {
    fn key(&self, request: &KeyContext<'_>) -> Extracted {
        let mut whole = Key::from_parts([]);
        for source in &self.0 {
            match source.key(request) {
                Extracted::Key(key) => whole = whole.and(key),
                Extracted::Missing => return Extracted::Missing,
            }
        }
        Extracted::Key(whole)
    }

    fn describe(&self) -> String {
        describe(&self.0, " + ")
    }

    fn is_caller_chosen(&self) -> bool {
        self.0.iter().any(|source| source.is_caller_chosen())
    }

    fn is_per_client(&self) -> bool {
        self.0.iter().any(|source| source.is_per_client())
    }
}

fn describe(sources: &[Arc<dyn KeySource>], between: &str) -> String {
    sources.iter().map(|source| source.describe()).collect::<Vec<_>>().join(between)
}
