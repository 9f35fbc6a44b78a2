//! Counting: a bounded map from rule and client to a number, written by every refused request.

use core::hash::{BuildHasherDefault, Hasher};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::Clients;
use super::batch::Violations;
use super::label::{OTHER_RULES, OTHERS, clean};
use crate::key::{Fingerprints, Key};

/// Rules are named in a program, so this many are never reached but by mistake.
const MOST_RULES: usize = 1024;
/// What a rule in shadow is followed by.
const SHADOW: &str = " (shadow)";

pub(super) struct Counts {
    /// By fingerprint: two of ten thousand pairs meet with a probability of 3e-12.
    pairs: DashMap<u64, Pair, BuildHasherDefault<AsIs>>,
    rules: DashMap<u64, Arc<Rule>, BuildHasherDefault<AsIs>>,
    others: Arc<Rule>,
    fingerprints: Fingerprints,
    clients: Clients,
    /// Pairs in the map, and those about to be.
    held: AtomicUsize,
    cap: usize,
    closed: AtomicBool,
    /// Whether anything was counted since the last draining.
    some: AtomicBool,
    folded: AtomicU64,
    refused: AtomicU64,
}

struct Pair {
    rule: Arc<str>,
    client: Arc<str>,
    count: AtomicU64,
}

/// What is counted of a rule as a whole: clients that found no room.
struct Rule {
    label: Arc<str>,
    folded: AtomicU64,
}

/// Counts taken out, to be written or to be put back.
#[derive(Default)]
pub(super) struct Drained {
    pairs: Vec<(u64, Violations)>,
    folded: Vec<(Arc<Rule>, u64)>,
}

impl Counts {
    pub(super) fn new(cap: usize, clients: Clients) -> Self {
        Counts {
            pairs: DashMap::default(),
            rules: DashMap::default(),
            others: Arc::new(Rule { label: OTHER_RULES.into(), folded: AtomicU64::new(0) }),
            fingerprints: Fingerprints::new(),
            clients,
            held: AtomicUsize::new(0),
            cap,
            closed: AtomicBool::new(false),
            some: AtomicBool::new(false),
            folded: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Counts. A known pair costs two hashes, a shared lock and an addition. Whether these are the
    /// first since the last draining.
    #[inline]
    pub(super) fn record(&self, rule: &str, shadow: bool, client: &Key, count: u64) -> bool {
        let rule_id = self.fingerprints.of_name(rule, shadow);
        let id = self.fingerprints.of(rule_id, client);
        if let Some(pair) = self.pairs.get(&id) {
            self.add(&pair, count);
        } else {
            self.record_new(id, rule_id, rule, shadow, client, count);
        }
        !self.some.load(Ordering::Relaxed) && !self.some.swap(true, Ordering::Relaxed)
    }

    /// Under a lock of the map, so that what is counted is there for the last draining, or refused.
    #[inline]
    fn add(&self, pair: &Pair, count: u64) {
        let to = if self.closed.load(Ordering::Acquire) { &self.refused } else { &pair.count };
        to.fetch_add(count, Ordering::Relaxed);
    }

    #[cold]
    fn record_new(&self, id: u64, rule_id: u64, name: &str, shadow: bool, client: &Key, count: u64) {
        let rule = self.rule(rule_id, name, shadow);
        if !self.reserve() {
            return self.fold(&rule, count);
        }
        // Made outside the lock.
        let client = self.clients.label(client).into();
        match self.pairs.entry(id) {
            Entry::Occupied(known) => {
                self.held.fetch_sub(1, Ordering::Relaxed);
                self.add(known.get(), count);
            }
            Entry::Vacant(place) => {
                let pair = place.insert(Pair { rule: Arc::clone(&rule.label), client, count: AtomicU64::new(0) });
                self.add(&pair, count);
            }
        }
    }

    fn rule(&self, id: u64, name: &str, shadow: bool) -> Arc<Rule> {
        if let Some(known) = self.rules.get(&id) {
            return Arc::clone(&known);
        }
        if self.rules.len() >= MOST_RULES {
            return Arc::clone(&self.others);
        }
        let label = clean(format_args!("{name}{}", if shadow { SHADOW } else { "" })).into();
        Arc::clone(&self.rules.entry(id).or_insert_with(|| Arc::new(Rule { label, folded: AtomicU64::new(0) })))
    }

    fn reserve(&self) -> bool {
        let more = |held: usize| (held < self.cap).then_some(held + 1);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn fold(&self, rule: &Rule, count: u64) {
        // The order is that of `close`: what does not see the closing is there for the last draining.
        rule.folded.fetch_add(count, Ordering::SeqCst);
        self.folded.fetch_add(count, Ordering::Relaxed);
        if self.closed.load(Ordering::SeqCst) {
            // A draining may have taken it already; then it was written after all.
            let back = |folded: u64| folded.checked_sub(count);
            if rule.folded.fetch_update(Ordering::SeqCst, Ordering::SeqCst, back).is_ok() {
                self.folded.fetch_sub(count, Ordering::Relaxed);
                self.refused.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Takes no more records from here on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Takes all counts out. The pairs keep their places, since the counts may come back.
    pub(super) fn drain(&self) -> Drained {
        self.some.store(false, Ordering::Relaxed);
        let mut drained = Drained::default();
        for pair in self.pairs.iter_mut() {
            let count = pair.count.swap(0, Ordering::Relaxed);
            if count > 0 {
                let counted = Violations { rule: Arc::clone(&pair.rule), client: Arc::clone(&pair.client), count };
                drained.pairs.push((*pair.key(), counted));
            }
        }
        let rules = self.rules.iter().map(|rule| Arc::clone(&rule)).chain([Arc::clone(&self.others)]);
        for rule in rules {
            let count = rule.folded.swap(0, Ordering::SeqCst);
            if count > 0 {
                drained.folded.push((rule, count));
            }
        }
        drained
    }

    /// Puts back what could not be written, under the names that it has.
    pub(super) fn put_back(&self, drained: Drained) {
        self.some.store(true, Ordering::Relaxed);
        for (id, counted) in drained.pairs {
            // Places are given up only after a batch was written, and one batch is under way at a time.
            let pair = self.pairs.entry(id).or_insert_with(|| {
                self.held.fetch_add(1, Ordering::Relaxed);
                Pair { rule: counted.rule, client: counted.client, count: AtomicU64::new(0) }
            });
            pair.count.fetch_add(counted.count, Ordering::Relaxed);
        }
        for (rule, count) in drained.folded {
            rule.folded.fetch_add(count, Ordering::SeqCst);
        }
    }

    /// Gives up the places of pairs that have counted nothing since they were drained.
    pub(super) fn forget_idle(&self) {
        let mut gone = 0;
        self.pairs.retain(|_, pair| {
            let counts = pair.count.load(Ordering::Relaxed) > 0;
            gone += usize::from(!counts);
            counts
        });
        self.held.fetch_sub(gone, Ordering::Relaxed);
    }

    /// What waits to be written: pairs, and counts.
    pub(super) fn pending(&self) -> (usize, u64) {
        let (mut pairs, mut total) = (0, 0u64);
        for pair in &self.pairs {
            let count = pair.count.load(Ordering::Relaxed);
            pairs += usize::from(count > 0);
            total = total.saturating_add(count);
        }
        let folded = self.rules.iter().map(|rule| rule.folded.load(Ordering::SeqCst)).sum::<u64>();
        (pairs, total.saturating_add(folded).saturating_add(self.others.folded.load(Ordering::SeqCst)))
    }

    pub(super) fn each(&self, mut see: impl FnMut(&Arc<str>, &Arc<str>, u64)) {
        for pair in &self.pairs {
            see(&pair.rule, &pair.client, pair.count.load(Ordering::Relaxed));
        }
    }

    pub(super) fn places(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn folded(&self) -> u64 {
        self.folded.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drained {
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.folded.is_empty()
    }

    pub(super) fn violations(&self) -> impl Iterator<Item = Violations> {
        let others: Arc<str> = OTHERS.into();
        let folded = self.folded.iter().map(move |(rule, count)| Violations {
            rule: Arc::clone(&rule.label),
            client: Arc::clone(&others),
            count: *count,
        });
        self.pairs.iter().map(|(_, counted)| counted.clone()).chain(folded)
    }
}

/// Fingerprints are random already.
#[derive(Clone, Copy, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}
