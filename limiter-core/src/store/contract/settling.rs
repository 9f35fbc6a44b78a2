//! The promises about what happens after a decision: charges settled, slots given back.

use super::limits::CAPACITY;
use super::trial::{Trial, Verified, expect};
use crate::algorithm::Verdict;
use crate::store::Mode;

/// 7. What was charged can be given back, or charged more; never below nothing, and never into a
///    later window.
pub(super) fn settling(trial: &Trial<'_>) -> Verified {
    if !trial.limit.is_timed() {
        return Ok(());
    }
    let account = trial.account();
    let charge = trial.take(&account, 3)?;
    trial.settle(&charge, -3)?;
    expect("remaining after the charge was given back", trial.remaining(&account)?, CAPACITY)?;

    let charge = trial.take(&account, 2)?;
    trial.settle(&charge, 2)?;
    expect("remaining after two units more were charged", trial.remaining(&account)?, CAPACITY - 4)?;

    let account = trial.account();
    let charge = trial.take(&account, 3)?;
    trial.settle(&charge, -1)?;
    expect("remaining after a unit was given back", trial.remaining(&account)?, CAPACITY - 2)?;

    let account = trial.account();
    let charge = trial.take(&account, 1)?;
    trial.settle(&charge, -100)?;
    expect("remaining after too much was given back", trial.remaining(&account)?, CAPACITY)?;
    let _ = trial.take(&account, CAPACITY)?;
    let _ = trial.refuse(&account, 1)?;

    let account = trial.account();
    let charge = trial.take(&account, 3)?;
    let reset = trial.reset_after(&account)?;
    trial.advance(reset);
    let _ = trial.take(&account, 2)?;
    trial.settle(&charge, -3)?;
    expect("remaining after a worn-off charge was given back", trial.remaining(&account)?, CAPACITY - 2)
}

/// 8. A released slot is free at once; releasing never frees a slot of another.
pub(super) fn slots_come_back(trial: &Trial<'_>) -> Verified {
    if trial.limit.is_timed() {
        return Ok(());
    }
    let (one, other) = (trial.account(), trial.account());
    let first = trial.take(&one, 1)?;
    let rest = trial.take(&one, CAPACITY - 1)?;
    let elsewhere = trial.take(&other, 2)?;
    let _ = trial.refuse(&one, 1)?;
    trial.release(&elsewhere)?;
    let _ = trial.refuse(&one, 1)?;
    trial.release(&first)?;
    expect("free slots after one was released", trial.remaining(&one)?, 1)?;
    let again = trial.take(&one, 1)?;
    let _ = trial.refuse(&one, 1)?;
    trial.release(&again)?;
    trial.release(&rest)?;
    expect("free slots after all were released", trial.remaining(&one)?, CAPACITY)
}

/// 11. Where the store says so: what a rule refuses under a penalty uses its quota up, the wait that
///     is told is the one that then holds, and what another rule refuses is not counted.
pub(super) fn penalties(trial: &Trial<'_>) -> Verified {
    if !trial.subject().store().capabilities().penalties() || !trial.limit.is_timed() {
        return Ok(());
    }
    let (account, other) = (trial.account(), trial.account());
    let _ = trial.take(&account, CAPACITY - 2)?;
    if trial.subject().store().capabilities().rules_per_decision() >= 2 {
        let _ = trial.take(&other, CAPACITY)?;
        let both = trial.decide(&[trial.item(&account, 1, Mode::Penalty), trial.item(&other, 1, Mode::Charge)])?;
        expect("whether a request passed that another rule refuses", both.allowed, false)?;
        expect("remaining after another rule refused", trial.remaining(&account)?, 2)?;
    }

    let (allowed, reply) = trial.one(&account, 3, Mode::Penalty)?;
    let Verdict::Deny { retry: Some(wait) } = reply.verdict else {
        return Err(format!("a cost of 3 does not fit, but the answer is {:?}", reply.verdict));
    };
    expect("whether a cost that does not fit passed", allowed, false)?;
    expect("remaining after a counted refusal", trial.remaining(&account)?, 0)?;
    trial.advance(wait);
    expect("whether it passes after the wait it was told", trial.would_pass(&account, 3)?, true)
}
