//! The contract suite accepts the stores that keep their promises and catches those that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broken;
mod coordination;

use std::time::Duration;

use broken::{Breakage, BrokenStore};
use limiter_core::store::Store;
use limiter_core::store::contract::{self, Broken, InManualTime, StoreUnderTest};
use limiter_core::store::memory::MemoryStore;
use limiter_core::testing::{FailingStore, Failure, Switch};
use limiter_core::time::Now;

/// The promises that a store breaks, each once.
fn caught(store: impl Store) -> Vec<u8> {
    let broken = contract::check(&InManualTime::new(store)).expect_err("a broken store passed");
    let mut promises: Vec<u8> = broken.iter().map(|broken| broken.promise).collect();
    promises.dedup();
    assert!(broken.iter().all(|broken| !broken.what.is_empty() && !broken.trace.is_empty()), "{broken:?}");
    promises.sort_unstable();
    promises.dedup();
    promises
}

#[test]
fn the_memory_store_keeps_every_promise() {
    contract::assert_keeps(&InManualTime::new(MemoryStore::new()));
}

#[test]
fn a_memory_store_of_one_shard_keeps_every_promise() {
    contract::assert_keeps(&InManualTime::new(MemoryStore::with_ceiling(200)));
}

#[test]
fn the_memory_store_keeps_every_promise_when_it_answers_later() {
    let store = FailingStore::new(MemoryStore::new());
    store.switch().answer_later(true);
    contract::assert_keeps(&InManualTime::new(store));
}

/// A store whose failures the suite can command.
struct Failing {
    inner: InManualTime<FailingStore<MemoryStore>>,
    switch: Switch,
    works_anyway: bool,
}

impl StoreUnderTest for Failing {
    fn store(&self) -> &dyn Store {
        self.inner.store()
    }

    fn now(&self) -> Now {
        self.inner.now()
    }

    fn advance(&self, by: Duration) {
        self.inner.advance(by);
    }

    fn fail(&self, failing: bool) -> bool {
        if !failing {
            self.switch.recover();
        } else if !self.works_anyway {
            self.switch.fail(Failure::Unavailable);
        }
        true
    }
}

fn failing(works_anyway: bool) -> Failing {
    let store = FailingStore::new(MemoryStore::new());
    let switch = store.switch();
    Failing { inner: InManualTime::new(store), switch, works_anyway }
}

#[test]
fn a_store_that_fails_with_errors_keeps_every_promise() {
    contract::assert_keeps(&failing(false));
}

#[test]
fn a_store_that_decides_while_it_cannot_breaks_promise_10() {
    let broken: Vec<Broken> = contract::check(&failing(true)).unwrap_err();
    assert!(broken.iter().all(|broken| broken.promise == 10), "{broken:?}");
}

#[test]
fn a_store_that_reads_and_then_writes_is_caught_as_not_atomic() {
    assert_eq!(caught(BrokenStore::new(Breakage::GetThenSet)), [1]);
}

#[test]
fn a_store_that_charges_refusals_is_caught() {
    let promises = caught(BrokenStore::new(Breakage::ChargesRefusals));
    assert!(promises.contains(&3), "{promises:?}");
}

#[test]
fn a_store_that_floors_the_wait_is_caught_telling_false_waits() {
    assert_eq!(caught(BrokenStore::new(Breakage::FloorsTheRetry)), [4]);
}

#[test]
fn a_store_whose_keys_never_expire_is_caught() {
    let promises = caught(BrokenStore::new(Breakage::DropsExpiry));
    assert!(promises.contains(&6), "{promises:?}");
}

#[test]
fn a_store_that_charges_the_first_of_two_rules_is_caught() {
    assert_eq!(caught(BrokenStore::new(Breakage::HalfCharges)), [2]);
}

#[test]
fn a_store_that_loses_settlements_is_caught() {
    assert_eq!(caught(BrokenStore::new(Breakage::LosesSettle)), [7]);
}

#[test]
fn a_broken_promise_says_which_one_and_lists_the_operations() {
    let broken = contract::check(&InManualTime::new(BrokenStore::new(Breakage::LosesSettle))).unwrap_err();
    let text = broken[0].to_string();
    assert!(text.starts_with("promise 7 (settling) is broken for a bucket: "), "{text}");
    assert!(text.contains("Charge 3 -> allowed"), "{text}");
}
