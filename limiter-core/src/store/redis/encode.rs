//! Operations as arguments of scripts.

use ::redis::ToRedisArgs;
use smallvec::SmallVec;

use super::names::Names;
use super::script::{self, Script};
use crate::algorithm::{Algorithm, Params};
use crate::store::{Decide, Item, Mode, Named, Subject};
use crate::time::Now;

/// One call of a script: all its keys live on one server.
pub(super) struct Call {
    pub(super) script: Script,
    pub(super) keys: Keys,
    pub(super) arguments: Arguments,
}

/// One for each rule.
pub(super) type Keys = SmallVec<[String; 1]>;
/// Those of one rule fit.
pub(super) type Arguments = SmallVec<[Argument; 5]>;

/// What an argument can be.
pub(super) enum Argument {
    Number(i64),
    Text(String),
    Word(&'static str),
}

impl ToRedisArgs for Argument {
    fn write_redis_args<W: ?Sized + ::redis::RedisWrite>(&self, out: &mut W) {
        match self {
            Argument::Number(number) => number.write_redis_args(out),
            Argument::Text(text) => text.write_redis_args(out),
            Argument::Word(word) => word.write_redis_args(out),
        }
    }
}

/// Windows that are shorter, in milliseconds, are asked about by the general script.
const SHORTEST_WINDOW: u64 = 400;

/// Counts that scripts can tell apart: integers that a double holds.
pub(super) const LARGEST: u64 = (1 << 50) - 1;

/// A clock for scripts: none, so that they read the server's, or the caller's.
pub(super) fn clock(caller: Option<Now>) -> Argument {
    match caller {
        None => Argument::Word(""),
        Some(now) => number(caller_micros(now)),
    }
}

/// The caller's clock in tests. Aligned windows go by the wall.
pub(super) fn caller_micros(now: Now) -> u64 {
    let instant = if now.wall.get() == 0 { now.monotonic } else { now.wall };
    instant.get() / 1000
}

pub(super) fn number(value: u64) -> Argument {
    Argument::Number(i64::try_from(value.min(LARGEST * 4)).unwrap_or(i64::MAX))
}

/// A decision, up to `times` in a row. `permit` begins the names of its permits.
pub(super) fn decide(
    names: &Names,
    decide: &Decide,
    caller: Option<Now>,
    times: u32,
    writes: bool,
    permit: &str,
    ttl_micros: u64,
) -> Result<Call, super::Refused> {
    let algorithm = decide.items.first().map(|item| item.params.algorithm()).unwrap_or_default();
    let alike = decide.items.iter().all(|item| item.params.algorithm() == algorithm);
    let mut call = Call {
        script: if alike { Script::Decide(algorithm) } else { Script::DecideAll },
        keys: Keys::with_capacity(decide.items.len()),
        arguments: Arguments::with_capacity(3 + 8 * decide.items.len()),
    };
    call.arguments.extend([clock(caller), number(u64::from(times)), number(u64::from(writes))]);
    for (at, item) in decide.items.iter().enumerate() {
        call.keys.push(names.key(&item.subject, &item.params)?);
        let permit = permit_name(permit, at);
        rule(&mut call.arguments, &item.params, mode(item), Argument::Number(cost(item)), permit, ttl_micros);
    }
    Ok(call)
}

/// The same where it is a common case: one cost under one rule, by the shortest script that there is for it. Its clock
/// is not told, or to be told, yet.
pub(super) fn one(names: &Names, decide: &Decide) -> Result<Option<Call>, super::Refused> {
    let [item] = decide.items.as_slice() else { return Ok(None) };
    let params = &item.params;
    let algorithm = params.algorithm();
    let slots = algorithm == Algorithm::Concurrent;
    if slots || item.mode != Mode::Charge || item.cost == 0 || item.cost > params.capacity() {
        return Ok(None);
    }
    let mut arguments = Arguments::new();
    let script = match algorithm {
        Algorithm::Bucket if params.interval().is_multiple_of(1000) => {
            let interval = params.interval() / 1000;
            arguments.extend([item.cost, params.capacity()].map(|units| number(units.saturating_mul(interval))));
            Script::LeanBucket
        }
        Algorithm::Fixed if fits_one_number(params) => {
            let [cost, most] = [item.cost, one_more(params)].map(|units| number(units.saturating_mul(1000)));
            arguments.extend([cost, most, number(micros(params.period())), shift(params)]);
            Script::LeanFixed
        }
        _ => {
            numbers(&mut arguments, params, Argument::Number(cost(item)), String::new(), 0);
            Script::Plain(algorithm)
        }
    };
    Ok(Some(Call { script, keys: Keys::from_iter([names.key(&item.subject, params)?]), arguments }))
}

/// By what the two halves of an answer about a fixed window are told apart.
pub(super) fn one_more(params: &Params) -> u64 {
    params.capacity().saturating_add(1)
}

/// Whether the milliseconds of a window and what is used of it are told in one number, which is below 2^53; and
/// whether the window is long enough for the way there and back not to matter.
fn fits_one_number(params: &Params) -> bool {
    let millis = params.period().div_ceil(1_000_000);
    millis >= SHORTEST_WINDOW
        && millis.saturating_add(2).saturating_mul(one_more(params)) < 1 << 53
        && one_more(params) < LARGEST / 4000
}

fn shift(params: &Params) -> Argument {
    params.offset().map_or(Argument::Word(""), |secs| Argument::Number(i64::from(secs) * 1_000_000))
}

/// What a permit of the item at `at` is called, but for the number of the unit.
pub(super) fn permit_name(permit: &str, at: usize) -> String {
    format!("{permit}.{at}.")
}

fn cost(item: &Item) -> i64 {
    i64::try_from(item.cost.min(LARGEST + 1)).unwrap_or(i64::MAX)
}

fn mode(item: &Item) -> &'static str {
    match item.mode {
        Mode::Charge => "C",
        Mode::Peek => "P",
        Mode::Penalty => "X",
        Mode::Shadow => "S",
    }
}

/// The eight arguments of a rule.
pub(super) fn rule(
    to: &mut Arguments,
    params: &Params,
    mode: &'static str,
    units: Argument,
    permit: String,
    ttl_micros: u64,
) {
    to.extend([Argument::Word(script::letter(params.algorithm())), Argument::Word(mode)]);
    numbers(to, params, units, permit, ttl_micros);
}

/// Those of them that are not the same for all rules of an algorithm.
fn numbers(to: &mut Arguments, params: &Params, units: Argument, permit: String, ttl_micros: u64) {
    let period = number(micros(params.period()));
    let shift = shift(params);
    let none = || Argument::Word("0");
    to.extend([units, number(params.capacity())]);
    match params.algorithm() {
        Algorithm::Bucket => {
            let (interval, full) = (params.interval(), params.capacity().saturating_mul(params.interval()));
            to.extend([interval / 1000, interval % 1000, full / 1000, full % 1000].map(number));
        }
        Algorithm::Concurrent => to.extend([number(ttl_micros), Argument::Text(permit), none(), none()]),
        Algorithm::Fixed => to.extend([period, shift, none(), none()]),
        Algorithm::Interval => to.extend([period, shift, number(params.count()), none()]),
        Algorithm::Log | Algorithm::Sliding => to.extend([period, none(), none(), none()]),
    }
}

/// Whole microseconds, rounded up against the caller.
pub(super) fn micros(nanos: u64) -> u64 {
    nanos.div_ceil(1000)
}

/// Who is meant, where that can be said to other processes.
pub(super) fn named(subject: &Subject) -> Option<&Named> {
    match subject {
        Subject::Local(_) => None,
        Subject::Named(named) => Some(named),
    }
}
