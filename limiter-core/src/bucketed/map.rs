//! The buckets of a [`Bucketed`](super::Bucketed), bounded.
//!
//! Keys stand in a queue as well. At the ceiling a few are looked at from its head: one whose bucket
//! is full again goes, or else the one nearest to full; the rest go to the end of the queue.

use core::hash::Hash;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::{Bucket, Draw, Settings};
use crate::algorithm::interval;
use crate::time::Nanos;

/// Buckets looked at to find one to give up.
const SAMPLE: usize = 8;

pub(super) struct Buckets<K> {
    by_key: HashMap<K, Bucket>,
    queue: VecDeque<K>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new() -> Self {
        Buckets { by_key: HashMap::new(), queue: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn draw(&mut self, settings: &Settings, ceiling: usize, key: &K, now: Nanos) -> Draw {
        if let Some(bucket) = self.by_key.get_mut(key) {
            return bucket.draw(settings, now);
        }
        if self.by_key.len() >= ceiling {
            self.give_one_up(settings, now);
        }
        let mut bucket = Bucket { edge: now, missing: 0 };
        let draw = bucket.draw(settings, now);
        self.by_key.insert(key.clone(), bucket);
        self.queue.push_back(key.clone());
        draw
    }

    fn give_one_up(&mut self, settings: &Settings, now: Nanos) {
        let mut nearest: Option<(K, Nanos)> = None;
        for _ in 0..SAMPLE.min(self.queue.len()) {
            let Some(key) = self.queue.pop_front() else { break };
            let full_at = self.by_key.get(&key).map_or(Nanos::ZERO, |bucket| bucket.full_at(settings));
            match &mut nearest {
                Some((_, best)) if *best <= full_at => self.queue.push_back(key),
                _ => {
                    if let Some((other, _)) = nearest.replace((key, full_at)) {
                        self.queue.push_back(other);
                    }
                }
            }
            if full_at <= now {
                break;
            }
        }
        if let Some((key, _)) = nearest {
            self.by_key.remove(&key);
        }
    }
}

impl Bucket {
    fn draw(&mut self, settings: &Settings, now: Nanos) -> Draw {
        let period = settings.interval_nanos();
        if period == 0 {
            *self = Bucket { edge: now, missing: 0 };
        } else {
            let (edge, missing) = interval::refill(self.edge.get(), self.missing, settings.rate(), period, now.get());
            *self = Bucket { edge: Nanos::new(edge), missing };
        }
        let refill_after = self.edge.saturating_add(Nanos::new(period)).saturating_sub(now);
        let had = settings.size().saturating_sub(self.missing);
        let tokens = had.saturating_sub(1);
        self.missing = settings.size().saturating_sub(tokens);
        let drained = had > 0 && tokens == 0;
        Draw {
            limited: had == 0 || (drained && settings.limits_the_last()),
            drained,
            tokens,
            refill_after: Duration::from(refill_after),
        }
    }

    /// When the bucket is full again.
    fn full_at(&self, settings: &Settings) -> Nanos {
        let period = settings.interval_nanos();
        match (self.missing, period, settings.rate()) {
            (0, _, _) | (_, 0, _) => Nanos::ZERO,
            (_, _, 0) => Nanos::MAX,
            (missing, period, rate) => {
                self.edge.saturating_add(Nanos::new(interval::periods_for(missing, rate).saturating_mul(period)))
            }
        }
    }
}
