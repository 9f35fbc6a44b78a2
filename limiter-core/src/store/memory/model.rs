//! What two threads can do to each other in the store in memory: in every order of what they do to
//! locks and shared words, as far as the memory model allows.

use loom::sync::Arc;
use loom::thread;
use smallvec::SmallVec;

use super::MemoryStore;
use crate::algorithm::{Algorithm, Params};
use crate::quota::Quota;
use crate::rule::AtCeiling;
use crate::store::{Charged, Decide, Decided, Item, Mode, Subject};
use crate::time::{Nanos, Now};

const START: u64 = 1_000_000_000_000;
/// The bit by which two keys are in two shards.
const OTHER: u64 = 1 << 32;

fn at(secs: u64) -> Now {
    let nanos = Nanos::new(START + secs * 1_000_000_000);
    Now { monotonic: nanos, wall: nanos }
}

fn one_an_hour(algorithm: Algorithm) -> Params {
    Params::new(algorithm, "1/h".parse::<Quota>().unwrap()).unwrap()
}

fn item(key: u64, params: Params) -> Item {
    let subject = Subject::Local(key);
    Item { budget: 1, subject, params, cost: 1, mode: Mode::Charge, at_ceiling: AtCeiling::Evict, settles: false }
}

fn decide(store: &MemoryStore, now: Now, items: impl IntoIterator<Item = Item>) -> Decided {
    store.decide(&Decide { now, items: items.into_iter().collect() })
}

fn takes(store: &MemoryStore, key: u64, params: Params) -> bool {
    decide(store, at(0), [item(key, params)]).allowed
}

fn charged(key: u64, params: Params, decided: &Decided) -> Charged {
    item(key, params).charged(&decided.items[0], at(0))
}

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Runs both at once and says what they found.
fn both(
    store: &Arc<MemoryStore>,
    one: impl FnOnce(&MemoryStore) -> bool + Send + 'static,
    other: impl FnOnce(&MemoryStore) -> bool,
) -> (bool, bool) {
    let theirs = Arc::clone(store);
    let running = thread::spawn(move || one(&theirs));
    let found = other(store);
    (running.join().unwrap(), found)
}

#[test]
fn a_unit_is_given_once() {
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Sliding] {
        explore(move || {
            let (store, hour) = (Arc::new(MemoryStore::with_ceiling(8)), one_an_hour(algorithm));
            let found = both(&store, move |store| takes(store, 1, hour), |store| takes(store, 1, hour));
            assert!(found.0 != found.1);
        });
    }
}

#[test]
fn two_rules_in_either_order_are_charged_together_or_not_at_all() {
    explore(|| {
        let (store, hour) = (Arc::new(MemoryStore::with_ceiling(2048)), one_an_hour(Algorithm::Bucket));
        assert_eq!(store.shards(), 2);
        let pair = move |first, second| [item(first, hour), item(second, hour)];
        let found = both(
            &store,
            move |store| decide(store, at(0), pair(1, OTHER)).allowed,
            |store| decide(store, at(0), pair(OTHER, 1)).allowed,
        );
        assert!(found.0 != found.1);
        assert!(!takes(&store, 1, hour) && !takes(&store, OTHER, hour));
    });
}

#[test]
fn what_is_refunded_can_be_taken_though_a_refusal_was_noted() {
    explore(|| {
        let (store, hour) = (Arc::new(MemoryStore::with_ceiling(8)), one_an_hour(Algorithm::Bucket));
        let charge = charged(1, hour, &decide(&store, at(0), [item(1, hour)]));
        assert!(!takes(&store, 1, hour));
        let found = both(
            &store,
            move |store| takes(store, 1, hour),
            |store| {
                store.settle(at(0), &[(charge, -1)]);
                takes(store, 1, hour)
            },
        );
        assert!(found.0 != found.1);
        assert!(!takes(&store, 1, hour));
    });
}

#[test]
fn a_note_that_is_read_while_another_is_written_is_nobodys() {
    explore(|| {
        let (store, hour) = (Arc::new(MemoryStore::with_ceiling(8)), one_an_hour(Algorithm::Bucket));
        let burst = Params::new(Algorithm::Bucket, "2/h".parse().unwrap()).unwrap();
        assert!(takes(&store, 1, hour) && takes(&store, 2, burst));
        assert!(!takes(&store, 1, hour));
        // Half of the note about key 1 and half of one about key 2 must not refuse key 2.
        let found = both(&store, move |store| takes(store, 1, hour), |store| takes(store, 2, burst));
        assert_eq!(found, (false, true));
        assert!(!takes(&store, 2, burst));
    });
}

#[test]
fn a_key_that_is_reset_can_be_taken_again() {
    explore(|| {
        let (store, hour) = (Arc::new(MemoryStore::with_ceiling(8)), one_an_hour(Algorithm::Bucket));
        let charge = charged(1, hour, &decide(&store, at(0), [item(1, hour)]));
        let found = both(
            &store,
            move |store| takes(store, 1, hour),
            |store| {
                store.reset(&[charge]);
                takes(store, 1, hour)
            },
        );
        assert!(found.0 != found.1);
    });
}

#[test]
fn a_key_given_up_for_another_is_as_good_as_new_once() {
    explore(|| {
        let (store, hour) = (Arc::new(MemoryStore::with_ceiling(1)), one_an_hour(Algorithm::Bucket));
        assert!(takes(&store, 1, hour) && !takes(&store, 1, hour));
        let found = both(&store, move |store| takes(store, 2, hour), |store| takes(store, 1, hour));
        assert!(found.0, "a new key takes the cell");
        // Refused before it was given up or admitted after: a note that outlived the cell would refuse both.
        assert!(found.1 != takes(&store, 1, hour));
        assert_eq!(store.stats().keys, 1);
    });
}

#[test]
fn pruning_drops_what_is_stale_and_nothing_else() {
    explore(|| {
        let (store, hour) = (Arc::new(MemoryStore::with_ceiling(8)), one_an_hour(Algorithm::Bucket));
        // Its refusal stays noted when its cell is swept away.
        assert!(takes(&store, 1, hour) && !takes(&store, 1, hour));
        // Both sweep; the key is stale for both and live for whoever comes second.
        let take = move |store: &MemoryStore| decide(store, at(7200), [item(1, hour)]).allowed;
        let found = both(&store, take, take);
        assert!(found.0 != found.1);
    });
}

#[test]
fn a_table_that_grows_forgets_nobody() {
    explore(|| {
        let (store, hour) = (Arc::new(MemoryStore::with_ceiling(64)), one_an_hour(Algorithm::Bucket));
        assert!((1..=6).all(|key| takes(&store, key << 28, hour)));
        // The seventh is one too many for eight cells.
        let found = both(&store, move |store| takes(store, 7 << 28, hour), |store| takes(store, 1 << 28, hour));
        assert_eq!(found, (true, false));
        assert_eq!(store.stats().keys, 7);
    });
}

#[test]
fn a_slot_given_back_can_be_taken_once() {
    explore(|| {
        let (store, one) = (Arc::new(MemoryStore::with_ceiling(8)), Params::concurrent(1));
        let held: SmallVec<[Charged; 1]> =
            [charged(1, one, &decide(&store, at(0), [item(1, one)]))].into_iter().collect();
        let found = both(
            &store,
            move |store| takes(store, 1, one),
            move |store| {
                store.release(at(0), &held);
                takes(store, 1, one)
            },
        );
        assert!(found.0 != found.1);
        assert!(!takes(&store, 1, one));
    });
}
