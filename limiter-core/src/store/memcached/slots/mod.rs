//! Concurrent limits: each slot is a key of its own that only one process can make, and that runs
//! out unless its holder renews it.
//!
//! Whoever wants slots reads which are taken and makes some of the others; where another process was
//! faster, it looks again. Two processes that want several slots each may both be refused the last
//! ones while each holds a part of them for a moment.

mod heartbeat;
mod registry;

use core::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::answer::{Form, Outcome};
use super::engine::{Inner, Job, MOST_SLOTS, Work};
use super::fault::Fault;
use super::instant::Here;
use super::name::{Name, Text};
use super::protocol::{Command, Condition, Expiry, Reply};
use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::store::{Charged, Lease, Mode};
use crate::time::Nanos;

pub(super) use registry::Registry;
use registry::{Holding, Slot};

/// Looks at the slots before somebody is told that others are always faster.
const ATTEMPTS: usize = 32;

/// So many slots of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) params: Params,
    pub(super) here: Here,
    pub(super) cost: u64,
    pub(super) mode: Mode,
}

/// Somebody who is to get these slots.
struct Plan {
    job: Job,
    wanted: Wanted,
    form: Form,
    slots: Vec<u8>,
    used: u64,
}

/// Answers everybody who wants slots of a key.
pub(super) async fn take(inner: &Arc<Inner>, name: &Name, jobs: Vec<Job>) {
    let mut open = jobs;
    for _ in 0..ATTEMPTS {
        if open.is_empty() {
            return;
        }
        let mut taken = match look(inner, name).await {
            Ok(taken) => taken,
            Err(fault) => return open.into_iter().for_each(|job| drop(job.tell.send(Err(fault.clone())))),
        };
        let plans: Vec<Plan> = open.drain(..).filter_map(|job| plan(job, &mut taken)).collect();
        open = make(inner, name, plans).await;
    }
    for job in open {
        let _ = job.tell.send(Err(Fault::Contended));
    }
}

/// Which slots are taken, as bits.
async fn look(inner: &Arc<Inner>, name: &Name) -> Result<u32, Fault> {
    let keys: Vec<Text> = (0..MOST_SLOTS).map(|slot| name.part(slot)).collect();
    let commands: Vec<Command<'_>> = keys.iter().map(|key| Command::Get { key }).collect();
    let mut taken = 0;
    for (slot, reply) in inner.line(name).ask(&commands).await?.into_iter().enumerate() {
        match reply {
            Reply::Value { .. } => taken |= 1u32 << slot,
            Reply::Absent => {}
            other => return Err(Fault::of(Some(&other))),
        }
    }
    Ok(taken)
}

/// Chooses slots, or answers who gets none.
fn plan(job: Job, taken: &mut u32) -> Option<Plan> {
    let Work::Slots(wanted, form) = job.work else { return None };
    let used = u64::from(taken.count_ones());
    let before = holding(used);
    let step = wanted.params.decide(before, wanted.here.now(), wanted.cost);
    let slots = match step.verdict {
        Verdict::Allow if wanted.cost > 0 && wanted.mode != Mode::Peek => choose(&wanted, taken),
        _ => Vec::new(),
    };
    if slots.is_empty() {
        let granted = u32::from(step.verdict == Verdict::Allow);
        let outcome = Outcome { granted, admitted: before, verdict: step.verdict, refused: before };
        let _ = job.tell.send(Ok(form.answer(&outcome, None)));
        return None;
    }
    Some(Plan { job, wanted, form, slots, used: used.saturating_add(wanted.cost) })
}

/// Free slots from a random one on, so that processes seldom reach for the same.
fn choose(wanted: &Wanted, taken: &mut u32) -> Vec<u8> {
    let most = wanted.params.capacity().clamp(1, MOST_SLOTS);
    let first = RandomState::new().hash_one(0u8) % most;
    let mut slots = Vec::new();
    for slot in (first..most).chain(0..first) {
        if slots.len() as u64 == wanted.cost {
            break;
        }
        if *taken & 1u32 << slot == 0 {
            *taken |= 1u32 << slot;
            slots.push(slot as u8);
        }
    }
    slots
}

/// Makes the chosen slots. Returns those who did not get all of theirs.
async fn make(inner: &Arc<Inner>, name: &Name, plans: Vec<Plan>) -> Vec<Job> {
    if plans.is_empty() {
        return Vec::new();
    }
    let line = inner.line(name);
    let ids: Vec<u64> = plans.iter().map(|_| inner.slots.next_id()).collect();
    let holders: Vec<String> = ids.iter().map(|id| inner.slots.holder(*id)).collect();
    let mut keys: Vec<(Text, usize)> = Vec::new();
    for (at, plan) in plans.iter().enumerate() {
        keys.extend(plan.slots.iter().map(|slot| (name.part(u64::from(*slot)), at)));
    }
    let expiry = |wall| Expiry::after(inner.slots.term(), wall);
    let commands: Vec<Command<'_>> = keys
        .iter()
        .filter_map(|(key, at)| {
            let (plan, holder) = (plans.get(*at)?, holders.get(*at)?);
            let expiry = expiry(plan.wanted.here.wall());
            Some(Command::Set { key, value: holder.as_bytes(), expiry, condition: Some(Condition::Absent) })
        })
        .collect();
    let mut replies = match line.ask(&commands).await {
        Ok(replies) => replies.into_iter(),
        Err(fault) => {
            plans.into_iter().for_each(|plan| drop(plan.job.tell.send(Err(fault.clone()))));
            return Vec::new();
        }
    };
    let mut again = Vec::new();
    for (plan, id) in plans.into_iter().zip(ids) {
        let (mut made, mut fault) = (Vec::new(), None);
        for slot in &plan.slots {
            match replies.next() {
                Some(Reply::Done { token: Some(token) }) => made.push(Slot { key: name.part(u64::from(*slot)), token }),
                Some(Reply::Exists) => {}
                other => fault = Some(Fault::of(other.as_ref())),
            }
        }
        if made.len() == plan.slots.len() {
            grant(inner, name, plan, id, made);
            continue;
        }
        give_back(inner, name.digest(), inner.slots.holder(id), made);
        match fault {
            Some(fault) => drop(plan.job.tell.send(Err(fault))),
            None => again.push(plan.job),
        }
    }
    again
}

fn grant(inner: &Arc<Inner>, name: &Name, plan: Plan, id: u64, slots: Vec<Slot>) {
    let now = plan.wanted.here.now().monotonic;
    let lease = Lease::new(id, None, now.saturating_add(inner.slots.lease()));
    inner.slots.hold(Holding {
        id,
        digest: name.digest(),
        lease: Arc::downgrade(&lease),
        slots,
        caller: now,
        engine: inner.clock.read(false).monotonic,
    });
    heartbeat::start(inner);
    let state = holding(plan.used);
    let outcome = Outcome { granted: 1, admitted: state, verdict: Verdict::Allow, refused: state };
    if plan.job.tell.send(Ok(plan.form.answer(&outcome, Some(lease)))).is_err() {
        // Whoever asked has left, and nobody else will give them back.
        release_id(inner, id);
    }
}

/// Gives back what a decision took. What was lost or given back before stays with whoever has it now.
pub(super) fn release(inner: &Arc<Inner>, charges: &[Charged], lease: Option<&Lease>) {
    if let Some(lease) = lease {
        return release_id(inner, lease.id());
    }
    for charge in charges.iter().filter(|charge| charge.params.algorithm() == Algorithm::Concurrent) {
        let name = Name::new(&inner.namespace, &charge.subject, &charge.params);
        if let Some(id) = inner.slots.find(name.digest(), charge.cost) {
            release_id(inner, id);
        }
    }
}

fn release_id(inner: &Arc<Inner>, id: u64) {
    if let Some(holding) = inner.slots.drop_holding(id) {
        give_back(inner, holding.digest, inner.slots.holder(id), holding.slots);
    }
}

/// Deletes slots of ours. One that was renewed meanwhile has another token, but still our name in it.
fn give_back(inner: &Arc<Inner>, digest: u128, holder: String, slots: Vec<Slot>) {
    if slots.is_empty() {
        return;
    }
    let line = inner.ring.line(digest).clone();
    let commands: Vec<Command<'_>> =
        slots.iter().map(|slot| Command::Delete { key: &slot.key, unchanged: Some(slot.token) }).collect();
    let (again, runtime) = (line.clone(), inner.runtime.clone());
    let keys: Vec<Text> = slots.iter().map(|slot| slot.key.clone()).collect();
    line.send(&commands, move |replies| {
        let Ok(replies) = replies else { return };
        let changed: Vec<Text> =
            keys.into_iter().zip(replies).filter(|(_, reply)| *reply == Reply::Exists).map(|(key, _)| key).collect();
        if !changed.is_empty() {
            runtime.spawn(async move {
                for key in changed {
                    let found = again.ask(&[Command::Get { key: &key }]).await.ok();
                    if let Some(Reply::Value { data, token: Some(token) }) =
                        found.and_then(|all| all.into_iter().next())
                        && data.as_slice() == holder.as_bytes()
                    {
                        let _ = again.ask(&[Command::Delete { key: &key, unchanged: Some(token) }]).await;
                    }
                }
            });
        }
    });
}

/// As `algorithm/concurrent.rs` has it.
fn holding(used: u64) -> State {
    State { fresh_at: if used == 0 { Nanos::ZERO } else { Nanos::MAX }, mark: 0, used }
}

/// A slot was lost.
fn lost(inner: &Inner, lease: &Lease) {
    inner.counters.lost.fetch_add(1, Ordering::Relaxed);
    lease.lose();
}
