//! Keys made of several: the first that is there, or all together.

use std::sync::Arc;

use super::key_value::{Key, Part};
use super::source::{Extracted, KeyContext, KeySource, Later};

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
        let mut alternatives = (0u32..).zip(&self.0);
        for (place, source) in alternatives.by_ref() {
            match source.key(request) {
                Extracted::Key(key) => return Extracted::Key(from(place, key)),
                Extracted::Later(search) => {
                    // The others are read while the request is at hand.
                    let rest: Vec<_> = alternatives.map(|(place, source)| (place, source.key(request))).collect();
                    return Extracted::Later(Later::new(first(place, search, rest)));
                }
                Extracted::Missing => {}
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

    fn is_secret(&self) -> bool {
        self.0.iter().any(|source| source.is_secret())
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
        let mut sources = self.0.iter();
        for source in sources.by_ref() {
            match source.key(request) {
                Extracted::Key(key) => whole = whole.and(key),
                Extracted::Later(search) => {
                    let rest: Vec<_> = sources.map(|source| source.key(request)).collect();
                    return Extracted::Later(Later::new(all(whole, search, rest)));
                }
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

    fn is_secret(&self) -> bool {
        self.0.iter().any(|source| source.is_secret())
    }
}

/// The place in the list is part of the key: a header that spells out an address must not spend
/// that address's budget.
fn from(place: u32, key: Key) -> Key {
    Key::from(Part::Alternative(place)).and(key)
}

async fn first(place: u32, search: Later, rest: Vec<(u32, Extracted)>) -> Extracted {
    if let Some(key) = search.found().await {
        return Extracted::Key(from(place, key));
    }
    for (place, extracted) in rest {
        if let Some(key) = extracted.found().await {
            return Extracted::Key(from(place, key));
        }
    }
    Extracted::Missing
}

async fn all(whole: Key, search: Later, rest: Vec<Extracted>) -> Extracted {
    let Some(key) = search.found().await else { return Extracted::Missing };
    let mut whole = whole.and(key);
    for extracted in rest {
        let Some(key) = extracted.found().await else { return Extracted::Missing };
        whole = whole.and(key);
    }
    Extracted::Key(whole)
}

fn describe(sources: &[Arc<dyn KeySource>], between: &str) -> String {
    sources.iter().map(|source| source.describe()).collect::<Vec<_>>().join(between)
}
