//! Something for each rule, found by its public name: a bounded table that no client can fill.

use std::sync::Arc;

use dashmap::DashMap;

/// Rules are named in a program, so this many are never reached but by mistake. All beyond them
/// share one entry.
const MOST_RULES: usize = 512;

/// What the rules beyond the bound are called together.
const OTHER_RULES: &str = "(other rules)";

pub(super) struct PerRule<T> {
    known: DashMap<Box<str>, Arc<T>>,
}

impl<T> PerRule<T> {
    pub(super) fn new() -> Self {
        PerRule { known: DashMap::new() }
    }

    /// What there is for a rule, made from its name when it is first seen.
    #[inline]
    pub(super) fn of(&self, rule: &str, make: impl FnOnce(&str) -> T) -> Arc<T> {
        match self.known.get(rule) {
            Some(known) => Arc::clone(&known),
            None => self.first_seen(rule, make),
        }
    }

    #[cold]
    fn first_seen(&self, rule: &str, make: impl FnOnce(&str) -> T) -> Arc<T> {
        let name = if self.known.len() < MOST_RULES { rule } else { OTHER_RULES };
        Arc::clone(&self.known.entry(name.into()).or_insert_with(|| Arc::new(make(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_share_an_entry() {
        let rules = PerRule::new();
        for n in 0..5000 {
            let _ = rules.of(&format!("rule-{n}"), str::to_owned);
        }
        assert_eq!(rules.known.len(), MOST_RULES + 1);
        assert_eq!(*rules.of("rule-7", str::to_owned), "rule-7");
        assert_eq!(*rules.of("rule-4999", str::to_owned), OTHER_RULES);
    }
}
