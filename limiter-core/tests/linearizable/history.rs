//! What threads asked, what they were told, and when on a global ticket.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use limiter_core::algorithm::{Algorithm, Params, State};
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Charged, Decide, Decided, Item, Mode, Place, Subject};
use limiter_core::time::{Nanos, Now};
use limiter_core::{AtCeiling, Quota};

/// The operations that take part, as calls.
pub(crate) trait Store: Sync {
    fn decide(&self, decide: &Decide) -> Decided;
    fn settle(&self, now: Now, charge: &Charged, units: i64);
}

impl Store for MemoryStore {
    fn decide(&self, decide: &Decide) -> Decided {
        self.decide(decide)
    }

    fn settle(&self, now: Now, charge: &Charged, units: i64) {
        self.settle(now, &[(charge.clone(), units)]);
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Done {
    Decided { items: Vec<Item>, allowed: bool, states: Vec<State> },
    Settled { charge: Charged, units: i64 },
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) invoked: u64,
    pub(crate) answered: u64,
    pub(crate) done: Done,
}

#[derive(Debug)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
}

pub(crate) const NOW: Now =
    Now { monotonic: Nanos::new(1_000_000_000_000), wall: Nanos::new(1_735_689_600_000_000_000) };

/// Nine keys of six budgets. With four shards the first two keys of the bucket share one with the
/// first of the window, and with the log.
const BUCKET: [u64; 3] = [1 << 32 | 7, 1 << 32 | 99, 2 << 32 | 7];
const WINDOW: [u64; 2] = [1 << 32 | 0x8000_0007, 3 << 32 | 7];
const SLOTS: [u64; 1] = [2 << 32 | 0x9000_0000];
const INTERVAL: [u64; 1] = [1 << 32 | 0xA000_0007];
const SLIDING: [u64; 1] = [3 << 32 | 0xB000_0007];
const LOG: [u64; 1] = [1 << 32 | 0xC000_0007];
/// All of them.
pub(crate) const KEYS: [u64; 9] =
    [BUCKET[0], BUCKET[1], BUCKET[2], WINDOW[0], WINDOW[1], SLOTS[0], INTERVAL[0], SLIDING[0], LOG[0]];

fn item(algorithm: Algorithm, fingerprint: u64, cost: u64) -> Item {
    let (budget, params) = match algorithm {
        Algorithm::Concurrent => (3, Params::concurrent(4)),
        Algorithm::Fixed => (2, Params::new(algorithm, Quota::per_hour(40)).unwrap()),
        // So few that some are refused though a third of all requests ask.
        Algorithm::Interval => (4, Params::new(algorithm, Quota::per_hour(9)).unwrap()),
        Algorithm::Sliding => (5, Params::new(algorithm, Quota::per_hour(9)).unwrap()),
        Algorithm::Log => (6, Params::new(algorithm, Quota::per_hour(9)).unwrap()),
        _ => (1, Params::new(algorithm, Quota::per_hour(45)).unwrap()),
    };
    let at_ceiling = AtCeiling::Refuse;
    Item { budget, subject: Subject::Local(fingerprint), params, cost, mode: Mode::Charge, at_ceiling, settles: false }
}

/// Xorshift: the same operations for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn of(&mut self, keys: &[u64]) -> u64 {
        keys[self.roll(keys.len() as u64) as usize]
    }

    fn third_rule(&mut self, algorithms: &[Algorithm]) -> Item {
        match algorithms[self.roll(algorithms.len() as u64) as usize] {
            Algorithm::Concurrent => item(Algorithm::Concurrent, self.of(&SLOTS), 1),
            Algorithm::Interval => item(Algorithm::Interval, self.of(&INTERVAL), 1 + self.roll(2)),
            Algorithm::Sliding => item(Algorithm::Sliding, self.of(&SLIDING), 1 + self.roll(2)),
            Algorithm::Log => item(Algorithm::Log, self.of(&LOG), 1 + self.roll(2)),
            _ => item(Algorithm::Fixed, self.of(&WINDOW), 1 + self.roll(3)),
        }
    }
}

/// Every thread makes a few requests under three rules, two of which share a scope and sometimes a
/// key, and now and then gives something back. The third rule is by one of the algorithms given.
pub(crate) fn record(store: &dyn Store, threads: u64, seed: u64, third: &[Algorithm]) -> History {
    let ticket = AtomicU64::new(0);
    let start = Barrier::new(threads as usize);
    let run = |thread: u64| {
        let mut dice = Dice((seed << 20 | thread << 8 | 0x9E37).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut events = Vec::new();
        let mut held: Vec<Charged> = Vec::new();
        start.wait();
        for _ in 0..4 {
            let mut items = vec![
                item(Algorithm::Bucket, dice.of(&BUCKET), 1 + dice.roll(2)),
                item(Algorithm::Bucket, dice.of(&BUCKET), 1),
                dice.third_rule(third),
            ];
            if dice.roll(8) == 0 {
                items[1].mode = Mode::Shadow;
            }
            let turn = dice.roll(3) as usize;
            items.rotate_left(turn);
            events.push(timed(&ticket, || ask(store, items, &mut held)));
            // A settlement says nothing about when it happened; many at once make the search long.
            if thread.is_multiple_of(8)
                && let Some(charge) = held.pop()
            {
                let units = -(charge.cost as i64);
                events.push(timed(&ticket, || {
                    store.settle(NOW, &charge, units);
                    Done::Settled { charge, units }
                }));
            }
        }
        events
    };
    let mut events: Vec<Event> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    events.sort_by_key(|event| event.invoked);
    History { events }
}

fn timed(ticket: &AtomicU64, operation: impl FnOnce() -> Done) -> Event {
    let invoked = ticket.fetch_add(1, Ordering::SeqCst);
    // Gives the others room to come between.
    std::thread::yield_now();
    let done = operation();
    std::thread::yield_now();
    Event { invoked, answered: ticket.fetch_add(1, Ordering::SeqCst), done }
}

fn ask(store: &dyn Store, items: Vec<Item>, held: &mut Vec<Charged>) -> Done {
    let decided = store.decide(&Decide { now: NOW, items: items.iter().cloned().collect() });
    let states: Vec<State> = decided.items.iter().map(|reply| reply.state).collect();
    if decided.allowed {
        let slot = items.iter().zip(&states).find(|(item, _)| item.params.algorithm() == Algorithm::Concurrent);
        held.extend(slot.or(items.iter().zip(&states).next()).map(|(item, state)| Charged {
            budget: item.budget,
            subject: item.subject.clone(),
            params: item.params,
            cost: item.cost,
            at: NOW.monotonic,
            until: state.fresh_at,
            place: Place::Own,
        }));
    }
    Done::Decided { items, allowed: decided.allowed, states }
}

impl History {
    /// Two threads ask at once for the last unit of a budget, and a third looks on afterwards.
    pub(crate) fn of_a_race(store: &dyn Store) -> History {
        let ticket = AtomicU64::new(0);
        let rest = timed(&ticket, || ask(store, vec![item(Algorithm::Bucket, BUCKET[0], 44)], &mut Vec::new()));
        let last = || timed(&ticket, || ask(store, vec![item(Algorithm::Bucket, BUCKET[0], 1)], &mut Vec::new()));
        let mut events = std::thread::scope(|scope| {
            let other = scope.spawn(last);
            vec![rest, last(), other.join().unwrap()]
        });
        events.sort_by_key(|event| event.invoked);
        History { events }
    }

    /// Moves a refused operation to the front of the recorded time.
    pub(crate) fn put_the_refusal_first(&mut self) {
        for event in &mut self.events {
            let refused = matches!(event.done, Done::Decided { allowed: false, .. });
            (event.invoked, event.answered) = if refused { (0, 1) } else { (event.invoked + 2, event.answered + 2) };
        }
        self.events.sort_by_key(|event| event.invoked);
    }

    pub(crate) fn mixes_answers(&self) -> bool {
        let any = |wanted: bool| {
            self.events.iter().any(|event| matches!(event.done, Done::Decided { allowed, .. } if allowed == wanted))
        };
        any(true) && any(false)
    }

    /// Whether rules by this algorithm admitted some requests, and had no room for others.
    pub(crate) fn spends(&self, algorithm: Algorithm) -> bool {
        let asked = |passes: bool| {
            self.events.iter().any(|event| match &event.done {
                Done::Decided { items, allowed, states } => items.iter().zip(states).any(|(item, state)| {
                    let fits = *allowed || item.params.remaining(*state, NOW) >= item.cost;
                    item.params.algorithm() == algorithm && *allowed == passes && fits == passes
                }),
                Done::Settled { .. } => false,
            })
        };
        asked(true) && asked(false)
    }

    /// Operations that began before the one in front of them was over.
    pub(crate) fn overlaps(&self) -> usize {
        self.events.windows(2).filter(|pair| pair[1].invoked < pair[0].answered).count()
    }
}
