//! Buckets, interval refill and short logs: read, decide, write if unchanged.

use std::sync::Arc;

use super::flight::{Job, Work};
use super::{Answered, Inner};
use crate::algorithm::{Algorithm, Params};
use crate::store::memcached::cell::Cell;
use crate::store::memcached::fault::Fault;
use crate::store::memcached::name::Name;
use crate::store::memcached::protocol::{Command, Condition, Expiry, Reply};
use crate::store::memcached::stats::count;
use crate::store::{Answer, StoreError};
use crate::time::Nanos;

/// Attempts before a change is given up. Eight processes on one key need four or five.
const ATTEMPTS: usize = 32;

/// A cell, and what must hold for a change of it to be written.
struct Seen {
    cell: Cell,
    unless: Condition,
    /// Read just now, and not remembered: refusals can be told from it.
    fresh: bool,
}

/// Carries out changes of one key in their order, and tells everybody.
pub(super) async fn change(inner: &Arc<Inner>, name: &Name, jobs: Vec<Job>) {
    let mut hint = inner.hints.take(name.digest());
    let result = attempt(inner, name, &jobs, &mut hint).await;
    match result {
        Ok(answers) => {
            for (job, answer) in jobs.into_iter().zip(answers) {
                // Whoever asked may have left; what was taken stays taken.
                let _ = job.tell.send(Ok(answer));
            }
        }
        Err(fault) => {
            for job in jobs {
                let _ = job.tell.send(Err(fault.clone()));
            }
        }
    }
}

async fn attempt(
    inner: &Arc<Inner>,
    name: &Name,
    jobs: &[Job],
    hint: &mut Option<(u64, Cell)>,
) -> Result<Vec<Answer>, Fault> {
    let Some(params) = jobs.first().map(|job| *job.work.params()) else { return Ok(Vec::new()) };
    let line = inner.line(name);
    let key = name.text();
    let mut seen = match hint.take() {
        Some((token, cell)) => Seen { cell, unless: Condition::Unchanged(token), fresh: false },
        None => read(inner, params.algorithm(), line.ask(&[Command::Get { key }]).await?.into_iter().next())?,
    };
    for round in 0..ATTEMPTS {
        let mut cell = seen.cell.clone();
        let (answers, changed) = apply(&mut cell, jobs);
        if !changed {
            if seen.fresh {
                return Ok(answers);
            }
            // What is remembered may be behind the times, and a refusal must not be.
            seen = read(inner, params.algorithm(), line.ask(&[Command::Get { key }]).await?.into_iter().next())?;
            continue;
        }
        let (value, wall) = (cell.encode(), latest(jobs));
        let term = cell.term(&params, wall);
        let set = Command::Set { key, value: &value, expiry: Expiry::after(term, wall), condition: Some(seen.unless) };
        // Who was beaten once will be again: the next reading comes along with the attempt.
        let commands = [set, Command::Get { key }];
        let asked = if round == 0 { commands.get(..1) } else { None }.unwrap_or(&commands);
        let mut replies = line.ask(asked).await?.into_iter();
        match replies.next() {
            Some(Reply::Done { token }) => {
                if let Some(token) = token {
                    inner.hints.put(name.digest(), token, cell);
                }
                return Ok(answers);
            }
            Some(Reply::Exists | Reply::Absent) => count(&inner.counters.contended),
            other => return Err(Fault::of(other.as_ref())),
        }
        let now = match replies.next() {
            Some(reply) => Some(reply),
            None => line.ask(&[Command::Get { key }]).await?.into_iter().next(),
        };
        seen = read(inner, params.algorithm(), now)?;
    }
    Err(Fault::Contended)
}

/// Carries out jobs on a cell; whether it must be written for the answers to be true.
fn apply(cell: &mut Cell, jobs: &[Job]) -> (Vec<Answer>, bool) {
    let mut any = false;
    let answers = jobs.iter().map(|job| match &job.work {
        Work::Ask(ask, form) => {
            let (outcome, changed) = cell.decide(ask);
            any |= changed;
            form.answer(&outcome, None)
        }
        Work::Settle(settle) => {
            any |= cell.settle(settle);
            Answer::Done
        }
        // Slots are no cells.
        Work::Slots(..) => Answer::Done,
    });
    (answers.collect(), any)
}

impl Work {
    fn params(&self) -> &Params {
        match self {
            Work::Ask(ask, _) => &ask.params,
            Work::Settle(settle) => &settle.params,
            Work::Slots(wanted, _) => &wanted.params,
        }
    }

    fn wall(&self) -> Nanos {
        match self {
            Work::Ask(ask, _) => ask.here.wall(),
            Work::Settle(settle) => settle.here.wall(),
            Work::Slots(wanted, _) => wanted.here.wall(),
        }
    }
}

/// The latest instant at which one of them was asked.
fn latest(jobs: &[Job]) -> Nanos {
    jobs.iter().map(|job| job.work.wall()).max().unwrap_or_default()
}

fn read(inner: &Inner, algorithm: Algorithm, reply: Option<Reply>) -> Result<Seen, Fault> {
    match reply {
        Some(Reply::Absent) => Ok(Seen { cell: Cell::fresh(algorithm), unless: Condition::Absent, fresh: true }),
        Some(Reply::Value { data, token: Some(token) }) => {
            let cell = Cell::decode(&data).filter(|cell| cell.is_log() == (algorithm == Algorithm::Log));
            let cell = cell.ok_or_else(|| inner.foreign())?;
            Ok(Seen { cell, unless: Condition::Unchanged(token), fresh: true })
        }
        other => Err(Fault::of(other.as_ref())),
    }
}

pub(super) fn reset(inner: &Arc<Inner>, name: &Name) -> Answered {
    let gone = inner.line(name).ask(&[Command::Delete { key: name.text(), unchanged: None }]);
    crate::store::Reply::Later(Box::pin(async move {
        match gone.await.map_err(StoreError::from)?.into_iter().next() {
            Some(Reply::Done { .. } | Reply::Absent) => Ok(Answer::Done),
            other => Err(Fault::of(other.as_ref()).into()),
        }
    }))
}
