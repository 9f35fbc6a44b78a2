//! What scripts answer, as decisions on the caller's clock.

use ::redis::Value;
use smallvec::SmallVec;

use super::script::Script;
use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::store::{Decide, Decided, ItemReply, Place};
use crate::time::{Nanos, Now};

/// What a deciding script said.
pub(super) struct Said {
    pub(super) granted: u32,
    /// The server's clock, in microseconds since the epoch.
    pub(super) at: u64,
    numbers: SmallVec<[i64; 2 + EACH]>,
}

/// Numbers for each rule.
const EACH: usize = 5;

impl Said {
    pub(super) fn read(value: Value) -> Option<Self> {
        let Value::Array(values) = value else { return None };
        let numbers: SmallVec<[i64; 2 + EACH]> = values.into_iter().map(integer).collect::<Option<_>>()?;
        let (granted, at) = (*numbers.first()?, *numbers.get(1)?);
        Some(Said { granted: u32::try_from(granted).ok()?, at: u64::try_from(at).ok()?, numbers })
    }

    /// What a script for a common case said: the clock, then the numbers that are not known already.
    pub(super) fn read_short(value: Value, script: Script) -> Option<Self> {
        let Value::Array(values) = value else { return None };
        let numbers: SmallVec<[i64; 4]> = values.into_iter().map(integer).collect::<Option<_>>()?;
        let (granted, at, said) = match (script, numbers.as_slice()) {
            (Script::OneBucket, &[now, debt]) => (1, now, [0, -1, debt, 0, 0]),
            (Script::OneBucket, &[now, wait, debt]) => (0, now, [1, wait, debt, 0, 0]),
            (Script::OneFixed, &[now, left, used]) => (1, now, [0, -1, left, used, 0]),
            (Script::OneFixed, &[now, left, used, _]) => (0, now, [1, left, left, used, 0]),
            _ => return None,
        };
        let numbers = [i64::from(granted), at].into_iter().chain(said).collect();
        Some(Said { granted, at: u64::try_from(at).ok()?, numbers })
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
            mark: params.offset().map_or(0, |_| now.wall.saturating_add(nanos(x)).saturating_sub(period).get()),
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
