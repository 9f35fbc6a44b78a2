//! Whether a store of counters keeps its [promises](crate::store::counters).
//!
//! Say how to reach the store and how time passes, and [`check`] tries each promise.

use std::sync::Arc;
use std::time::Duration;

use super::timed::{Promise, Timed, about, at_once, join, later, verify};
use super::trial::{Verified, expect};
use super::{Broken, InTime, assert_none};
use crate::store::counters::LARGEST;
use crate::store::{BoxFuture, Counters};

/// A store of counters, and how time passes for it.
pub trait CountersUnderTest: InTime {
    /// The store.
    fn counters(&self) -> Arc<dyn Counters>;
}

/// Checks every promise.
///
/// # Errors
///
/// The promises that were not kept.
pub fn check(subject: &impl CountersUnderTest) -> Result<(), Vec<Broken>> {
    verify(&subject.counters(), subject, "counters", &PROMISES)
}

/// As [`check`], for tests.
///
/// # Panics
///
/// When a promise is not kept. The message names it and lists the operations.
#[track_caller]
pub fn assert_keeps(subject: &impl CountersUnderTest) {
    assert_none(check(subject));
}

type Store = Arc<dyn Counters>;

const PROMISES: [Promise<Store>; 8] = [
    (1, "atomic", atomic),
    (2, "bounds", bounds),
    (3, "refusals change nothing", refusals_change_nothing),
    (4, "absent is 0", absent_is_zero),
    (5, "lifetimes", lifetimes),
    (6, "events are sticky", events_are_sticky),
    (7, "true timeouts", true_timeouts),
    (8, "keys are apart", keys_are_apart),
];

/// One store on trial, in short words.
struct Desk<'a> {
    store: &'a Store,
    trial: &'a Timed<'a>,
}

impl Desk<'_> {
    fn get(&self, key: &str) -> Result<Option<i64>, String> {
        self.trial.ask(format!("get {key}"), self.store.get(&self.trial.name(key)))
    }

    fn holds(&self, key: &str, value: i64) -> Verified {
        expect(&format!("the value of {key}"), self.get(key)?, Some(value))
    }

    fn add(&self, key: &str, value: i64) -> Result<bool, String> {
        let reply = self.store.add(&self.trial.name(key), value, self.trial.lifetime()?);
        self.trial.ask(format!("add {key} {value}"), reply)
    }

    fn incr(&self, key: &str, amount: u32, maximum: i64) -> Result<bool, String> {
        let reply = self.store.incr(&self.trial.name(key), amount, maximum, self.trial.lifetime()?);
        self.trial.ask(format!("incr {key} {amount} up to {maximum}"), reply)
    }

    fn decr(&self, key: &str, amount: u32, minimum: i64) -> Result<bool, String> {
        let reply = self.store.decr(&self.trial.name(key), amount, minimum, self.trial.lifetime()?);
        self.trial.ask(format!("decr {key} {amount} down to {minimum}"), reply)
    }

    fn incr_and_sum(&self, key: &str, keys: &[&str], amount: u32, maximum: i64) -> Result<bool, String> {
        let names: Vec<String> = keys.iter().map(|key| self.trial.name(key)).collect();
        let reply = self.store.incr_and_sum(&self.trial.name(key), &names, amount, maximum, self.trial.lifetime()?);
        self.trial.ask(format!("incr {key} {amount} while {keys:?} up to {maximum}"), reply)
    }

    fn notify(&self, event: &str) -> Verified {
        let reply = self.store.notify(&self.trial.name(event), self.trial.lifetime()?);
        self.trial.ask(format!("notify {event}"), reply)
    }

    fn wait(&self, event: &str, timeout: Duration) -> Result<bool, String> {
        self.trial.ask(format!("wait for {event} up to {timeout:?}"), self.store.wait(&self.trial.name(event), timeout))
    }
}

fn atomic(store: &Store, trial: &Timed<'_>) -> Verified {
    let lifetime = trial.lifetime()?;
    let desk = Desk { store, trial };
    let passed = |what, replies| -> Result<usize, String> {
        Ok(trial.ask_all(what, replies)?.into_iter().filter(|passed| *passed).count())
    };
    for round in 0..4 {
        let name = |part: &str| trial.name(&format!("{part}-{round}"));
        let added = passed("add at once", at_once(|| store.add(&name("add"), 1, lifetime)))?;
        expect("additions at once that began the counter", added, 1)?;
        let raised = passed("incr at once", at_once(|| store.incr(&name("up"), 1, 3, lifetime)))?;
        expect("increments at once up to 3", raised, 3)?;
        let lowered = passed("decr at once", at_once(|| store.decr(&name("up"), 1, 1, lifetime)))?;
        expect("decrements at once from 3 to 1", lowered, 2)?;
        desk.holds(&format!("up-{round}"), 1)?;
        let keys = [name("sum"), name("up")];
        let summed = passed("incr_and_sum at once", at_once(|| store.incr_and_sum(&keys[0], &keys, 1, 4, lifetime)))?;
        expect("increments at once up to a sum of 4 beside a 1", summed, 3)?;
    }
    Ok(())
}

fn bounds(store: &Store, trial: &Timed<'_>) -> Verified {
    let desk = Desk { store, trial };
    expect("begins at 1", desk.add("k", 1)?, true)?;
    expect("1 + 2 up to 3", desk.incr("k", 2, 3)?, true)?;
    expect("3 + 1 up to 3", desk.incr("k", 1, 3)?, false)?;
    expect("3 + 0 up to 3", desk.incr("k", 0, 3)?, true)?;
    expect("3 + 0 up to 2", desk.incr("k", 0, 2)?, false)?;
    expect("3 - 3 down to 1", desk.decr("k", 3, 1)?, false)?;
    expect("3 - 2 down to 1", desk.decr("k", 2, 1)?, true)?;
    expect("1 - 3 down to -5", desk.decr("k", 3, -5)?, true)?;
    expect("-2 + 2 up to 0", desk.incr("k", 2, 0)?, true)?;
    desk.holds("k", 0)?;

    expect("begins at 3", desk.add("a", 3)?, true)?;
    expect("3 + 1 up to 3, beside nothing", desk.incr_and_sum("a", &["b"], 1, 3)?, false)?;
    expect("3 + 1 up to 4, beside nothing", desk.incr_and_sum("a", &["b"], 1, 4)?, true)?;
    expect("0 + 1 up to 4, beside 4", desk.incr_and_sum("b", &["a", "b"], 1, 4)?, false)?;
    expect("0 + 1 up to 5, beside 4", desk.incr_and_sum("b", &["a", "b"], 1, 5)?, true)?;
    expect("a key named twice counts twice", desk.incr_and_sum("c", &["a", "a"], 1, 8)?, false)?;

    expect("begins at the largest", desk.add("large", LARGEST)?, true)?;
    expect("beyond the largest", desk.incr("large", 1, i64::MAX)?, false)?;
    expect("begins beyond the largest", desk.add("larger", LARGEST + 1)?, false)?;
    expect("begins at the smallest", desk.add("small", -LARGEST)?, true)?;
    expect("beyond the smallest", desk.decr("small", 1, i64::MIN)?, false)?;
    desk.holds("large", LARGEST)
}

fn refusals_change_nothing(store: &Store, trial: &Timed<'_>) -> Verified {
    let desk = Desk { store, trial };
    expect("begins at 2", desk.add("k", 2)?, true)?;
    trial.advance(trial.eighths(5));
    expect("begins again", desk.add("k", 9)?, false)?;
    expect("2 + 2 up to 3", desk.incr("k", 2, 3)?, false)?;
    expect("2 - 2 down to 1", desk.decr("k", 2, 1)?, false)?;
    expect("2 + 1 up to 2", desk.incr_and_sum("k", &["k"], 1, 2)?, false)?;
    desk.holds("k", 2)?;
    trial.advance(trial.eighths(3) + trial.resolution() - Duration::from_millis(1));
    expect("the value after the lifetime", desk.get("k")?, None)
}

fn absent_is_zero(store: &Store, trial: &Timed<'_>) -> Verified {
    let desk = Desk { store, trial };
    expect("what was never there", desk.get("k")?, None)?;
    expect("0 - 1 down to 0", desk.decr("k", 1, 0)?, false)?;
    expect("0 + 5 up to 4", desk.incr("k", 5, 4)?, false)?;
    expect("what was refused", desk.get("k")?, None)?;
    expect("0 - 1 down to -1", desk.decr("k", 1, -1)?, true)?;
    desk.holds("k", -1)?;
    expect("begins at 0", desk.add("zero", 0)?, true)?;
    expect("a 0 is there", desk.add("zero", 1)?, false)?;
    desk.holds("zero", 0)
}

fn lifetimes(store: &Store, trial: &Timed<'_>) -> Verified {
    let desk = Desk { store, trial };
    for key in ["k", "sum"] {
        expect("begins at 1", desk.add(key, 1)?, true)?;
    }
    for (step, lower) in [(1, false), (2, true), (3, false)] {
        trial.advance(trial.eighths(5));
        let changed = if lower { desk.decr("k", 1, 0)? } else { desk.incr("k", 1, 9)? };
        expect(&format!("change {step}"), changed, true)?;
        expect(&format!("sum {step}"), desk.incr_and_sum("sum", &["sum"], 1, 9)?, true)?;
    }
    desk.holds("k", 2)?;
    desk.notify("e")?;
    trial.advance(trial.eighths(8) + trial.resolution() - Duration::from_millis(1));
    expect("the value after the lifetime", desk.get("k")?, None)?;
    expect("the sum after the lifetime", desk.get("sum")?, None)?;
    expect("the event after the lifetime", desk.wait("e", Duration::ZERO)?, false)?;
    expect("begins again", desk.add("k", 7)?, true)
}

fn events_are_sticky(store: &Store, trial: &Timed<'_>) -> Verified {
    let desk = Desk { store, trial };
    let event = trial.name("during");
    let waiter = || -> BoxFuture<Option<bool>> {
        let (store, event, timeout) = (Arc::clone(store), event.clone(), trial.eighths(6));
        Box::pin(async move { later(store.wait(&event, timeout)).await.ok() })
    };
    let bell: BoxFuture<Option<bool>> = {
        let (store, event, lifetime) = (Arc::clone(store), event.clone(), trial.lifetime()?);
        let pause = trial.pause(trial.eighths(2));
        Box::pin(async move {
            pause.await;
            later(store.notify(&event, lifetime)).await.ok().map(|()| true)
        })
    };
    let before = trial.now();
    let woken = trial.run(join(vec![waiter(), waiter(), waiter(), bell]))?;
    trial.note(format!("three wait, then notify -> {woken:?}"));
    expect("three who wait, and the notification", woken, vec![Some(true); 4])?;
    about(trial, "the waits", trial.now().saturating_sub(before).into(), trial.eighths(2))?;
    for _ in 0..3 {
        expect("one who comes later", desk.wait("during", trial.eighths(1))?, true)?;
    }
    trial.advance(trial.eighths(4));
    let before = trial.now();
    expect("one who comes much later", desk.wait("during", trial.eighths(1))?, true)?;
    about(trial, "that wait", trial.now().saturating_sub(before).into(), Duration::ZERO)
}

fn true_timeouts(store: &Store, trial: &Timed<'_>) -> Verified {
    let desk = Desk { store, trial };
    for eighths in [0, 1, 3] {
        let before = trial.now();
        expect("a wait for nothing", desk.wait("nothing", trial.eighths(eighths))?, false)?;
        about(trial, "that wait", trial.now().saturating_sub(before).into(), trial.eighths(eighths))?;
    }
    Ok(())
}

fn keys_are_apart(store: &Store, trial: &Timed<'_>) -> Verified {
    let desk = Desk { store, trial };
    expect("one key", desk.add("one", 1)?, true)?;
    expect("another key", desk.add("other", 2)?, true)?;
    expect("an event of the first key", desk.wait("one", Duration::ZERO)?, false)?;
    desk.notify("one")?;
    expect("that event after its notification", desk.wait("one", Duration::ZERO)?, true)?;
    expect("an event of the other key", desk.wait("other", Duration::ZERO)?, false)?;
    expect("1 + 1 up to 2", desk.incr("one", 1, 2)?, true)?;
    desk.holds("one", 2)?;
    desk.holds("other", 2)
}
