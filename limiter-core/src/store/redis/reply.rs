//! What scripts answer, as decisions on the caller's clock.

use ::redis::Value;
use smallvec::SmallVec;

use super::encode;
use super::script::Script;
use crate::algorithm::fixed::window_start;
use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::store::{Decide, Decided, Item, ItemReply, Place};
use crate::time::{Nanos, Now};

/// What a deciding script said.
pub(super) struct Said {
    pub(super) granted: u32,
    /// The server's clock, in microseconds since the epoch, if it was told.
    pub(super) at: Option<u64>,
    numbers: SmallVec<[i64; 2 + EACH]>,
}

/// Numbers for each rule.
const EACH: usize = 5;

impl Said {
    pub(super) fn read(value: Value) -> Option<Self> {
        let Value::Array(values) = value else { return None };
        let numbers: SmallVec<[i64; 2 + EACH]> = values.into_iter().map(integer).collect::<Option<_>>()?;
        let (granted, at) = (*numbers.first()?, *numbers.get(1)?);
        Some(Said { granted: u32::try_from(granted).ok()?, at: Some(u64::try_from(at).ok()?), numbers })
    }

    /// What a script for a common case said: only what is not known already.
    pub(super) fn read_short(value: Value, script: Script, decide: &Decide) -> Option<Self> {
        let item = decide.items.first()?;
        if let Script::Plain(_) = script {
            return Said::read(value);
        }
        let (granted, at, said) = match (script, &value) {
            (Script::LeanBucket, Value::Int(debt)) => bucket(item, None, *debt),
            (Script::LeanBucket, Value::Array(values)) => match values.as_slice() {
                [Value::Int(now), Value::Int(debt)] => bucket(item, Some(*now), *debt),
                _ => return None,
            },
            (Script::LeanFixed, Value::Int(both)) => {
                let base = i64::try_from(encode::one_more(&item.params)).ok()?;
                (1, None, [0, -1, (both / base).saturating_mul(1000), both % base, 0])
            }
            (Script::LeanFixed, Value::Array(values)) => match values.as_slice() {
                [Value::Int(now), Value::Int(left), Value::Int(used)] => (1, Some(*now), [0, -1, *left, *used, 0]),
                [Value::Int(now), Value::Int(left), Value::Int(used), _] => {
                    (0, Some(*now), [1, *left, *left, *used, 0])
                }
                _ => return None,
            },
            _ => return None,
        };
        let at = at.map(u64::try_from).transpose().ok()?;
        let numbers = [i64::from(granted), 0].into_iter().chain(said).collect();
        Some(Said { granted, at, numbers })
    }

    /// The decision that was allowed last and the one that was refused, as far as there are such.
    pub(super) fn decisions(&self, decide: &Decide, now: Now) -> Option<(Option<Decided>, Option<Decided>)> {
        let length = decide.items.len() * EACH;
        let said = self.numbers.get(2..)?;
        let allowed = (self.granted > 0).then(|| decided(decide, now, true, said.get(..length)?));
        let rest = said.get(if self.granted > 0 { length } else { 0 }..)?;
        let refused = (!rest.is_empty()).then(|| decided(decide, now, false, rest.get(..length)?));
        match (allowed, refused) {
            (Some(None), _) | (_, Some(None)) => None,
            (allowed, refused) => Some((allowed.flatten(), refused.flatten())),
        }
    }

    /// The fencing number of a grant.
    pub(super) fn fence(&self, decide: &Decide) -> Option<u64> {
        let at = decide.items.iter().position(|item| item.params.algorithm() == Algorithm::Concurrent)?;
        u64::try_from(*self.numbers.get(2 + at * EACH + 4)?).ok()
    }
}

/// Of a bucket it is said what a cost leaves, or would leave if it fitted.
fn bucket(item: &Item, at: Option<i64>, debt: i64) -> (u32, Option<i64>, [i64; EACH]) {
    let time = |units: u64| i64::try_from(units.saturating_mul(item.params.interval() / 1000)).unwrap_or(i64::MAX);
    match debt.saturating_sub(time(item.params.capacity())) {
        ..=0 => (1, at, [0, -1, debt, 0, 0]),
        wait => (0, at, [1, wait, debt.saturating_sub(time(item.cost)), 0, 0]),
    }
}

fn integer(value: Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number),
        _ => None,
    }
}

fn decided(decide: &Decide, now: Now, allowed: bool, numbers: &[i64]) -> Option<Decided> {
    let mut decided = Decided { allowed, now: Some(now), ..Decided::default() };
    for (item, numbers) in decide.items.iter().zip(numbers.chunks_exact(EACH)) {
        let [said, wait, x, y, z] = *<&[i64; EACH]>::try_from(numbers).ok()?;
        let verdict = match said {
            0 => Verdict::Allow,
            1 => Verdict::Deny { retry: u64::try_from(wait).ok().map(nanos) },
            _ => Verdict::TooBig,
        };
        let [x, y, z] = [x, y, z].map(|number| u64::try_from(number).unwrap_or(0));
        decided.items.push(ItemReply { verdict, state: state(&item.params, now, x, y, z), place: Place::Own });
    }
    Some(decided)
}

/// The state that three numbers of a script stand for.
fn state(params: &Params, now: Now, x: u64, y: u64, z: u64) -> State {
    let after = |wait: Nanos| now.monotonic.saturating_add(wait);
    let period = Nanos::new(params.period());
    match params.algorithm() {
        Algorithm::Bucket if x == 0 && y == 0 => State::default(),
        Algorithm::Bucket => {
            State { fresh_at: after(Nanos::new(nanos(x).get().saturating_add(y))), ..State::default() }
        }
        Algorithm::Concurrent if y == 0 => State::default(),
        Algorithm::Concurrent => State { fresh_at: Nanos::MAX, mark: after(nanos(x)).get(), used: y },
        Algorithm::Fixed if y == 0 => State::default(),
        Algorithm::Fixed => State {
            fresh_at: after(nanos(x)).saturating_add(Nanos::new(params.slack())),
            mark: params.offset().map_or(0, |secs| {
                // Instants are told to within a few milliseconds: the middle of a window is in no other.
                let period = nanos(encode::micros(params.period())).get();
                let end = now.wall.saturating_add(nanos(x)).get();
                window_start(end.saturating_sub(period / 2), period, secs)
            }),
            used: y,
        },
        Algorithm::Interval if y == 0 => State::default(),
        Algorithm::Interval => {
            let clock = if params.offset().is_some() { now.wall } else { now.monotonic };
            let whole = Nanos::new(y.div_ceil(params.count().max(1)).saturating_mul(params.period()));
            let fresh_at = after(whole.saturating_sub(nanos(x))).saturating_add(Nanos::new(params.slack()));
            State { fresh_at, mark: clock.saturating_sub(nanos(x)).get(), used: y }
        }
        Algorithm::Log if y == 0 => State::default(),
        Algorithm::Log => State { fresh_at: after(nanos(x)), mark: after(nanos(z)).get(), used: y },
        Algorithm::Sliding if y == 0 && z == 0 => State::default(),
        Algorithm::Sliding => {
            let both = period.saturating_add(period);
            State { fresh_at: after(both).saturating_sub(nanos(x)), mark: y, used: y.saturating_add(z) }
        }
    }
}

fn nanos(micros: u64) -> Nanos {
    Nanos::new(micros.saturating_mul(1000))
}
