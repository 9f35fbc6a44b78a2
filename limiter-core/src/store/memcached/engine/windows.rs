//! Fixed and sliding windows: one round trip.

mod asked;

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Answered, Inner, later};
use crate::algorithm::Algorithm;
use crate::store::memcached::answer::Form;
use crate::store::memcached::fault::Fault;
use crate::store::memcached::instant::Here;
use crate::store::memcached::line::Line;
use crate::store::memcached::name::Name;
use crate::store::memcached::protocol::{Command, Expiry, Reply, read_number};
use crate::store::memcached::stats::count;
use crate::store::memcached::window::{Question, Window};
use crate::store::{Answer, Charged, Item, Mode, StoreError};
use asked::{Asked, Awaited};

pub(super) fn decide(inner: &Arc<Inner>, name: Name, item: &Item, here: Here, mode: Mode, form: Form) -> Answered {
    let window = Window::of(&item.params, name.digest(), here.wall());
    let question = Question { params: item.params, here, window, cost: item.cost, times: form.times, mode };
    let units = if question.is_idle() { 0 } else { question.units() };
    let previous = (item.params.algorithm() == Algorithm::Sliding).then(|| window.key_of_previous(&name));
    let (line, asked) = (inner.line(&name), Asked::new(inner, name.digest(), question, units));
    let key = window.into_key(name);
    let first = match units {
        0 => Command::Get { key: &key },
        by => Command::Add { key: &key, by, expiry: Window::expiry(&item.params, here) },
    };
    let asker = Arc::clone(&asked) as _;
    match &previous {
        Some(previous) => line.send_for(&[first, Command::Get { key: previous }], asker),
        None => line.send_for(&[first], asker),
    }
    crate::store::Reply::Later(Box::pin(Awaited::new(asked, form)))
}

pub(super) fn settle(inner: &Arc<Inner>, name: &Name, charge: &Charged, here: Here, units: i64) -> Answered {
    let by = units.unsigned_abs();
    let line = inner.line(name);
    let (tell, told) = oneshot::channel();
    if units < 0 {
        // A counter that is gone is not made anew: what was charged went with it.
        let Some(window) = Window::charged(&charge.params, name.digest(), here, charge.until) else {
            return crate::store::Reply::Now(Ok(Answer::Done));
        };
        let counted = Arc::clone(inner);
        line.send(&[Command::Subtract { key: &window.key(name), by }], move |replies| {
            let sum = replies.and_then(|replies| number(&counted, replies.first()));
            let _ = tell.send(sum.map(|_| Answer::Done));
        });
    } else {
        let key = Window::of(&charge.params, name.digest(), here.wall()).key(name);
        let expiry = Window::expiry(&charge.params, here);
        let (again, counted, same_key) = (line.clone(), Arc::clone(inner), key.clone());
        line.send(&[Command::Add { key: &key, by, expiry }], move |replies| {
            let sum = replies.and_then(|replies| number(&counted, replies.first()));
            let _ = tell.send(sum.map(|sum| {
                if sum < by {
                    let _: Fault = wrapped(&counted, &again, &same_key, expiry);
                }
                Answer::Done
            }));
        });
    }
    later(told)
}

pub(super) fn reset(inner: &Arc<Inner>, name: &Name, charge: &Charged) -> Answered {
    let window = Window::of(&charge.params, name.digest(), inner.here().wall());
    let (current, previous) = (window.key(name), window.key_of_previous(name));
    let delete = |key| Command::Delete { key, unchanged: None };
    let gone = inner.line(name).ask(&[delete(&current), delete(&previous)]);
    crate::store::Reply::Later(Box::pin(async move {
        for reply in gone.await.map_err(StoreError::from)? {
            if let Reply::Mistaken(why) | Reply::Failed(why) = reply {
                return Err(StoreError::from(Fault::Refused(why.into())));
            }
        }
        Ok(Answer::Done)
    }))
}

/// A counter as a number; one that is not there is 0.
fn number(inner: &Inner, reply: Option<&Reply>) -> Result<u64, Fault> {
    match reply {
        // A sum that became shorter is padded with spaces.
        Some(Reply::Value { data, .. }) => read_number(data.trim_ascii_end()).map_err(|_| inner.foreign()),
        Some(Reply::Absent) => Ok(0),
        // The one mistake that a command of ours can be told of.
        Some(Reply::Mistaken(why)) if why.contains("non-numeric") => Err(inner.foreign()),
        other => Err(Fault::of(other)),
    }
}

/// Takes back what was added and not admitted. Nobody waits for it: it goes out before whatever
/// this process asks next.
fn take_back(line: &Line, key: &[u8], units: u64) {
    if units > 0 {
        line.send(&[Command::Subtract { key, by: units }], |_| {});
    }
}

/// The server's numbers begin again after 2^64. No sum of ours comes near, but what is there may be
/// of another: it is set to where nothing is admitted.
fn wrapped(inner: &Inner, line: &Line, key: &[u8], expiry: Expiry) -> Fault {
    count(&inner.counters.wrapped);
    line.send(&[Command::Set { key, value: b"9223372036854775807", expiry, condition: None }], |_| {});
    Fault::Refused("a counter wrapped".into())
}
