//! The promises, one function each, in the order of the list.

use std::sync::Barrier;

use super::limits::{self, CAPACITY, Limit};
use super::settling::{penalties, settling, slots_come_back};
use super::trial::{Trial, Verified, expect};
use super::{Broken, StoreUnderTest};
use crate::algorithm::{Algorithm, Params};
use crate::store::{Mode, Operation};
use crate::time::Nanos;

type Promise = (u8, &'static str, fn(&Trial<'_>) -> Verified);

const PROMISES: [Promise; 11] = [
    (1, "atomic", atomic),
    (2, "all or nothing", all_or_nothing),
    (3, "refusals are free", refusals_are_free),
    (4, "true waits", true_waits),
    (5, "true remainders", true_remainders),
    (6, "expiry", expiry),
    (7, "settling", settling),
    (8, "slots come back", slots_come_back),
    (9, "independent keys", independent_keys),
    (10, "errors are errors", errors_are_errors),
    (11, "penalties", penalties),
];

/// What is broken, for everything that the store declares.
pub(super) fn all(subject: &dyn StoreUnderTest) -> Vec<Broken> {
    let declared = subject.store().capabilities().algorithms();
    let limits: Vec<Limit> = declared.iter().flat_map(|algorithm| limits::of(*algorithm)).collect();
    let mut broken = Vec::new();
    for limit in limits {
        for (promise, name, keeps) in PROMISES {
            let trial = Trial::new(subject, limit);
            if let Err(what) = keeps(&trial) {
                broken.push(Broken { promise, name, limit: limit.name, what, trace: trial.into_trace() });
            }
        }
    }
    broken
}

/// 1. However many callers decide at once, no more is admitted than one after the other would be.
fn atomic(trial: &Trial<'_>) -> Verified {
    const CALLERS: usize = 4;
    const EACH: usize = 4;
    for _ in 0..8 {
        let account = trial.account();
        let start = Barrier::new(CALLERS);
        let caller = || {
            start.wait();
            // All are under way before the first answer is looked at.
            let operation = || trial.decide_operation(&[trial.item(&account, 1, Mode::Charge)]);
            let replies: Vec<_> = (0..EACH).map(|_| trial.submit(operation())).collect();
            let decisions = replies.into_iter().map(|reply| trial.decided(trial.answer(reply)));
            decisions.map(|decided| decided.map(|decided| u64::from(decided.allowed))).sum::<Result<u64, String>>()
        };
        let admitted = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
            let join = |handle: std::thread::ScopedJoinHandle<'_, _>| {
                handle.join().unwrap_or_else(|_| Err("the store panicked".into()))
            };
            callers.into_iter().map(join).sum::<Result<u64, String>>()
        })?;
        trial.note(format!("{CALLERS} callers charge 1 {EACH} times at once -> {admitted} admitted"));
        expect("admitted to callers at once", admitted, CAPACITY)?;
    }
    Ok(())
}

/// 2. Either every charged item is charged or none is.
fn all_or_nothing(trial: &Trial<'_>) -> Verified {
    if trial.subject().store().capabilities().rules_per_decision() < 2 {
        return Ok(());
    }
    for spent_comes_first in [false, true] {
        let (fresh, spent) = (trial.account(), trial.account());
        let _ = trial.take(&spent, CAPACITY)?;
        let mut items = vec![trial.item(&fresh, 2, Mode::Charge), trial.item(&spent, 1, Mode::Charge)];
        if spent_comes_first {
            items.reverse();
        }
        expect("a request with a spent rule passes", trial.decide(&items)?.allowed, false)?;
        expect("remaining under the other rule", trial.remaining(&fresh)?, CAPACITY)?;
        let _ = trial.take(&fresh, CAPACITY)?;
    }
    let (one, other) = (trial.account(), trial.account());
    let items = [trial.item(&one, 2, Mode::Charge), trial.item(&other, 3, Mode::Charge)];
    expect("a request that fits both rules passes", trial.decide(&items)?.allowed, true)?;
    expect("remaining under the first rule", trial.remaining(&one)?, CAPACITY - 2)?;
    expect("remaining under the second rule", trial.remaining(&other)?, CAPACITY - 3)
}

/// 3. A refused cost is not charged, not even in part.
fn refusals_are_free(trial: &Trial<'_>) -> Verified {
    let account = trial.account();
    let _ = trial.take(&account, CAPACITY - 2)?;
    for _ in 0..3 {
        let _ = trial.refuse(&account, 3)?;
        let (allowed, _) = trial.charge(&account, CAPACITY + 1)?;
        expect("a cost above the capacity passes", allowed, false)?;
    }
    let _ = trial.take(&account, 2)?;
    let first = trial.refuse(&account, 1)?;
    let second = trial.refuse(&account, 1)?;
    if second > first {
        return Err(format!("a refusal made the wait longer: {first:?}, then {second:?}"));
    }
    Ok(())
}

/// 4. A refused item passes exactly after the wait it was told, and not before.
fn true_waits(trial: &Trial<'_>) -> Verified {
    let account = trial.account();
    let _ = trial.take(&account, CAPACITY)?;
    if !trial.limit.is_timed() {
        return expect("the wait for a slot", trial.refuse(&account, 1)?, None);
    }
    for cost in [1, 3] {
        // Off the whole seconds.
        trial.advance(Nanos::new(300_000_000));
        let Some(wait) = trial.refuse(&account, cost)? else {
            return Err(format!("no wait was told for a cost of {cost}"));
        };
        let tick = Nanos::from(trial.subject().resolution());
        if wait > tick {
            trial.advance(wait.saturating_sub(tick));
            let _ = trial.refuse(&account, cost)?;
        }
        trial.advance(tick.min(wait));
        let _ = trial.take(&account, cost)?;
        let left = trial.remaining(&account)?;
        if left > 0 {
            let _ = trial.take(&account, left)?;
        }
    }
    Ok(())
}

/// 5. What is reported as remaining is what would be admitted now.
fn true_remainders(trial: &Trial<'_>) -> Verified {
    let account = trial.account();
    for (cost, pause) in [(2, 0), (1, 1_300_000_000), (1, 2_700_000_000), (2, 900_000_000), (5, 4_100_000_000)] {
        let _ = trial.charge(&account, cost)?;
        trial.advance(Nanos::new(pause));
        let left = trial.remaining(&account)?;
        expect("the remainder would pass", trial.would_pass(&account, left)?, true)?;
        expect("one above the remainder would pass", trial.would_pass(&account, left + 1)?, false)?;
        expect("remaining after questions", trial.remaining(&account)?, left)?;
    }
    let left = trial.remaining(&account)?;
    if left > 0 {
        let _ = trial.take(&account, left)?;
    }
    expect("remaining after the remainder was taken", trial.remaining(&account)?, 0)
}

/// 6. A key left alone for as long as its reset is as good as new.
fn expiry(trial: &Trial<'_>) -> Verified {
    if !trial.limit.is_timed() {
        return Ok(());
    }
    let account = trial.account();
    let _ = trial.take(&account, CAPACITY)?;
    let reset = trial.reset_after(&account)?;
    let tick = Nanos::from(trial.subject().resolution());
    trial.advance(reset.saturating_sub(tick));
    expect("everything would pass before the reset", trial.would_pass(&account, CAPACITY)?, false)?;
    trial.advance(tick);
    expect("remaining after the reset", trial.remaining(&account)?, CAPACITY)?;
    let _ = trial.take(&account, CAPACITY)?;
    let _ = trial.refuse(&account, 1)?;
    Ok(())
}

/// 9. What one key does changes nothing for another.
fn independent_keys(trial: &Trial<'_>) -> Verified {
    let (one, other) = (trial.account(), trial.account());
    let charge = trial.take(&one, CAPACITY)?;
    expect("remaining to another key", trial.remaining(&other)?, CAPACITY)?;
    let _ = trial.take(&other, 2)?;
    expect("remaining to the first key", trial.remaining(&one)?, 0)?;
    if trial.limit.is_timed() {
        trial.reset(&charge)?;
        expect("remaining after a reset", trial.remaining(&one)?, CAPACITY)?;
    } else {
        trial.release(&charge)?;
    }
    expect("remaining to the other key", trial.remaining(&other)?, CAPACITY - 2)
}

/// 10. A store that cannot decide says so; it never answers with a refusal.
fn errors_are_errors(trial: &Trial<'_>) -> Verified {
    let account = trial.account();
    let capabilities = trial.subject().store().capabilities();
    let fails = |operation: Operation| match trial.answer(trial.submit(operation)) {
        Err(_) => Ok(()),
        Ok(answer) => Err(format!("what the store cannot do was answered by {answer:?}")),
    };
    if !capabilities.algorithms().contains(&Algorithm::Concurrent) {
        let unknown = trial.account_under(Params::concurrent(CAPACITY));
        fails(trial.decide_operation(&[trial.item(&unknown, 1, Mode::Charge)]))?;
    }
    if let Some(more) = capabilities.rules_per_decision().checked_add(1).filter(|more| *more <= 17) {
        let items: Vec<_> = (0..more).map(|_| trial.item(&trial.account(), 1, Mode::Charge)).collect();
        fails(trial.decide_operation(&items))?;
    }
    if trial.subject().fail(true) {
        let found = fails(trial.decide_operation(&[trial.item(&account, 1, Mode::Charge)]));
        trial.subject().fail(false);
        found?;
        let _ = trial.take(&account, 1)?;
    }
    Ok(())
}
