//! Holding requests: `queue`, `max_wait`, `spaced`.

use limiter_core::quota::Quota;

use super::quotas::Amount;
use super::{Algorithm, Cost, Limit};
use crate::errors::Errors;
use crate::names::Argument;
use crate::parse::Arguments;

/// How many requests wait, and for how many nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) places: u32,
    pub(crate) max_wait: u64,
    pub(crate) is_spaced: bool,
}

/// What one waits in for those under way unless stated.
pub(crate) const PLACES: u32 = 32;
pub(crate) const MAX_WAIT: u64 = 1_000_000_000;

/// The queue of a rule; `for_outcomes` if its mode says that requests wait, and then for those under
/// way alone.
pub(super) fn queue(arguments: &Arguments, for_outcomes: bool, errors: &mut Errors) -> Option<Queue> {
    let places = places(arguments, errors);
    let max_wait = arguments.duration(Argument::MaxWait, "a duration such as \"250ms\"", errors);
    let [queue_word, wait_word] = [Argument::Queue, Argument::MaxWait].map(|name| arguments.named(name));
    if !for_outcomes {
        match (queue_word, wait_word) {
            (Some(queue), None) => errors.on(
                &queue.word,
                "`queue` needs to know for how long: add `max_wait = \"250ms\"`, or requests would wait for ever",
            ),
            (None, Some(wait)) => errors.on(
                &wait.word,
                "`max_wait` goes with `queue`: add `queue = 32`, the number of requests of a key that may wait",
            ),
            _ => {}
        }
    }
    let spaced = arguments.switch(Argument::Spaced, errors);
    if let Some(word) = &spaced
        && (queue_word.is_none() || for_outcomes)
    {
        errors.on(word, "`spaced` goes with `queue` and `max_wait`: requests wait until it is their turn");
    }
    if for_outcomes {
        return Some(Queue {
            places: places.unwrap_or(PLACES),
            max_wait: max_wait.unwrap_or(MAX_WAIT),
            is_spaced: false,
        });
    }
    Some(Queue { places: places?, max_wait: max_wait?, is_spaced: spaced.is_some() })
}

/// Even spacing is a bucket that holds one request. Mirrors what a policy checks when it is built.
pub(super) fn check_spacing(
    arguments: &Arguments,
    amounts: &[Amount],
    algorithm: Option<Algorithm>,
    cost: Option<&Cost>,
    errors: &mut Errors,
) {
    let Some(argument) = arguments.named(Argument::Spaced) else { return };
    let quotas = amounts.iter().filter_map(|amount| match amount.limit {
        Limit::Rate(quota) => Some(quota),
        Limit::Concurrent(_) => None,
    });
    let reason = if amounts.iter().any(|amount| matches!(amount.limit, Limit::Concurrent(_))) {
        Some("`spaced` beside `concurrent`: slots have no rate; put it beside a quota such as \"10/s\"")
    } else {
        unspaceable(quotas, algorithm, matches!(cost, Some(Cost::Function(_))))
    };
    if let Some(reason) = reason {
        errors.on(&argument.word, reason);
    }
}

/// Why requests under these quotas cannot be evenly spaced.
pub(crate) fn unspaceable(
    mut quotas: impl Iterator<Item = Quota>,
    algorithm: Option<Algorithm>,
    has_cost_function: bool,
) -> Option<&'static str> {
    if algorithm.is_some_and(|algorithm| algorithm != Algorithm::Bucket) {
        Some("`spaced` is a bucket without a burst; leave `algorithm` out")
    } else if quotas.any(|quota| quota.has_burst()) {
        Some("`spaced` lets requests through one by one and leaves no burst; leave one of them out")
    } else if has_cost_function {
        Some("`spaced` needs a cost that is known beforehand, such as `cost = 5`")
    } else {
        None
    }
}

fn places(arguments: &Arguments, errors: &mut Errors) -> Option<u32> {
    let (places, span) = arguments.integer(Argument::Queue, u64::from(u32::MAX), errors)?;
    if places == 0 {
        errors.at(span, "`queue = 0` holds nobody; leave it out, or accepted: 1 or more");
        return None;
    }
    u32::try_from(places).ok()
}
