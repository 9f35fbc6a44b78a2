//! A bounded map whose entries run out: at an instant each, which may be put off.
//!
//! Entries stand in order of that instant as well. Every addition drops a few that have run out, so
//! that memory goes back without a task or a scan.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::time::Nanos;

/// Entries that have run out and are dropped for each that is added: more than one, so that a map
/// that was once large becomes small.
const DROPPED_AT_ONCE: usize = 4;

pub(super) struct Expiring<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    order: BTreeSet<(Nanos, Arc<str>)>,
    ceiling: usize,
}

struct Entry<V> {
    value: V,
    until: Nanos,
}

/// Every entry is live and there is no place for another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<V> Expiring<V> {
    pub(super) fn with_ceiling(ceiling: usize) -> Self {
        Expiring { entries: HashMap::new(), order: BTreeSet::new(), ceiling: ceiling.max(1) }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is there at `now`, and until when. An entry is gone at the very instant it runs out.
    pub(super) fn get(&self, key: &str, now: Nanos) -> Option<(&V, Nanos)> {
        let entry = self.entries.get(key).filter(|entry| now < entry.until)?;
        Some((&entry.value, entry.until))
    }

    pub(super) fn get_mut(&mut self, key: &str, now: Nanos) -> Option<&mut V> {
        self.entries.get_mut(key).filter(|entry| now < entry.until).map(|entry| &mut entry.value)
    }

    /// Puts an entry in the place of one of the same key, if there is one.
    pub(super) fn put(&mut self, key: &str, value: V, until: Nanos, now: Nanos) -> Result<(), Full> {
        self.drop_some(now);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.value = value;
            self.put_off(key, until);
            return Ok(());
        }
        // Whatever has run out stands first, so one look tells whether anything has.
        if self.entries.len() >= self.ceiling {
            return Err(Full);
        }
        let key: Arc<str> = Arc::from(key);
        self.order.insert((until, Arc::clone(&key)));
        self.entries.insert(key, Entry { value, until });
        Ok(())
    }

    /// Lets an entry run out at another instant.
    pub(super) fn put_off(&mut self, key: &str, until: Nanos) {
        let Some((name, entry)) = self.entries.get_key_value(key) else { return };
        let name = Arc::clone(name);
        self.order.remove(&(entry.until, Arc::clone(&name)));
        if let Some(entry) = self.entries.get_mut(key) {
            entry.until = until;
        }
        self.order.insert((until, name));
    }

    fn drop_some(&mut self, now: Nanos) {
        for _ in 0..DROPPED_AT_ONCE {
            match self.order.first() {
                Some((until, _)) if *until <= now => {}
                _ => return,
            }
            if let Some((_, key)) = self.order.pop_first() {
                self.entries.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanos: u64) -> Nanos {
        Nanos::new(nanos)
    }

    #[test]
    fn an_entry_is_gone_at_the_instant_it_runs_out_unless_it_was_put_off() {
        let mut map = Expiring::with_ceiling(10);
        map.put("a", 1, at(100), at(0)).unwrap();
        assert_eq!(map.get("a", at(99)), Some((&1, at(100))));
        assert_eq!(map.get("a", at(100)), None);
        map.put_off("a", at(150));
        assert_eq!(map.get_mut("a", at(149)), Some(&mut 1));
        assert_eq!(map.get_mut("a", at(150)), None);
    }

    #[test]
    fn it_is_full_of_live_entries_only_and_shrinks_again() {
        let mut map = Expiring::with_ceiling(8);
        for key in 0..8 {
            map.put(&key.to_string(), key, at(10 + key), at(0)).unwrap();
        }
        assert_eq!(map.put("new", 9, at(50), at(9)), Err(Full));
        assert_eq!(map.put("3", 33, at(90), at(9)), Ok(()), "what is there may be replaced");
        map.put("new", 9, at(50), at(10)).unwrap();
        assert_eq!(map.len(), 8);
        map.put("newer", 9, at(90), at(49)).unwrap();
        map.put("newest", 9, at(90), at(49)).unwrap();
        assert_eq!((map.len(), map.order.len()), (4, 4));
        assert_eq!(map.get("3", at(49)), Some((&33, at(90))));
    }
}
