//! What a `#[throttle(..)]` means.

use core::slice;

use limiter_core::quota::{Quota, QuotaList};
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Ident, LitStr};

use super::function;
use super::outcome::{Outcome, outcome};
use crate::errors::Errors;
use crate::item::Item;
use crate::model::{ALGORITHMS, Algorithm, MAX_WAIT, PLACES, choice, mismatch, unspaceable};
use crate::names::{Argument, closest};
use crate::parse::{Arguments, Value};
use crate::path;

/// A valid use of the attribute.
pub(super) struct Model {
    pub(super) root: TokenStream,
    pub(super) limits: Vec<Limit>,
    /// Each caller's own quota, as an expression over the arguments; the one in `limits` is the default.
    pub(super) quota: Option<TokenStream>,
    pub(super) algorithm: Option<Algorithm>,
    /// What the rules take; an expression over the arguments where it is not the same for all calls.
    pub(super) cost: Option<u32>,
    pub(super) cost_of: Option<TokenStream>,
    pub(super) is_penalised: bool,
    pub(super) is_shadow: bool,
    pub(super) outcome: Option<Outcome>,
    pub(super) on_store_error: Option<&'static str>,
    pub(super) lease: Option<u64>,
    pub(super) name: String,
    pub(super) scope: Option<String>,
    pub(super) key: Option<TokenStream>,
    pub(super) limiter: Option<TokenStream>,
    pub(super) max_wait: Option<u64>,
    pub(super) queue: Option<u32>,
    pub(super) is_newest_first: bool,
    pub(super) is_spaced: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Limit {
    Concurrent(u32),
    Rate(Quota),
}

/// What to do when the store fails, by the words and by the variants of the engine.
const ON_STORE_ERROR: [(&str, &str); 3] = [("local", "Local"), ("open", "Open"), ("closed", "Closed")];

impl Model {
    pub(super) fn new(arguments: &Arguments, item: &Item, errors: &mut Errors) -> Self {
        function::check(item, errors);
        let limits = limits(arguments, errors);
        let quota = quota(arguments, item, &limits, errors);
        let algorithm = algorithm(arguments, &limits, errors);
        let (cost, cost_of) = cost(arguments, item, &limits, errors);
        let key = key(arguments, item, errors);
        let limiter = arguments.value(Argument::Limiter, errors).map(ToTokens::to_token_stream);
        let outcome = outcome(arguments, &limits, errors);
        let max_wait = duration(arguments, Argument::MaxWait, errors);
        let queue = positive(arguments, Argument::Queue, errors);
        let is_waiting = outcome.as_ref().is_some_and(Outcome::is_waiting);
        let newest = arguments.switch(Argument::NewestFirst, errors);
        let spaced = arguments.switch(Argument::Spaced, errors);
        for (name, needed) in [
            (Argument::Queue, Argument::MaxWait),
            (Argument::NewestFirst, Argument::Queue),
            (Argument::Spaced, Argument::MaxWait),
        ] {
            if let (Some(given), None) = (arguments.named(name), arguments.named(needed))
                && !(is_waiting && name == Argument::Queue)
            {
                let (word, example) = (&given.word, arguments.example(needed));
                errors.on(word, format!("`{word}` goes with `{}`; add {example}", needed.text()));
            }
        }
        if let Some(word) = &spaced {
            check_spacing(word, &limits, algorithm, cost_of.is_some(), is_waiting, errors);
        }
        let is_concurrent = limits.iter().any(|limit| matches!(limit, Limit::Concurrent(_)));
        let lease = duration(arguments, Argument::Lease, errors);
        if let (Some(lease), false) = (arguments.named(Argument::Lease), is_concurrent) {
            errors.on(&lease.word, "`lease` is about slots, which only `concurrent = ..` has; leave it out");
        }
        let penalty = arguments.switch(Argument::Penalty, errors);
        if let (Some(word), true) = (&penalty, is_concurrent) {
            errors.on(
                word,
                "`penalty` beside `concurrent`: a refused call holds no slot that could be counted; leave it out",
            );
        }
        Model {
            root: path::root(slice::from_ref(arguments), errors),
            quota,
            algorithm,
            cost,
            cost_of,
            is_penalised: penalty.is_some(),
            is_shadow: arguments.switch(Argument::Shadow, errors).is_some(),
            on_store_error: on_store_error(arguments, errors),
            lease,
            name: arguments.wire_word(Argument::Name, errors).map_or_else(|| item.name(), |name: LitStr| name.value()),
            scope: arguments.wire_word(Argument::Scope, errors).map(|scope| scope.value()),
            key,
            limiter,
            max_wait: max_wait.or(is_waiting.then_some(MAX_WAIT)),
            queue: queue.or(is_waiting.then_some(PLACES)),
            is_newest_first: newest.is_some(),
            is_spaced: spaced.is_some(),
            outcome,
            limits,
        }
    }
}

fn limits(arguments: &Arguments, errors: &mut Errors) -> Vec<Limit> {
    let mut limits = Vec::new();
    if let Some(text) = &arguments.quotas {
        match text.value().parse::<QuotaList>() {
            Ok(quotas) => limits.extend(quotas.into_iter().map(Limit::Rate)),
            Err(error) => errors.on(text, error),
        }
    }
    if let Some((burst, span)) = integer(arguments, Argument::Burst, errors) {
        match limits.as_mut_slice() {
            [Limit::Rate(quota)] if !quota.has_burst() => match quota.with_burst(u64::from(burst)) {
                Ok(with_burst) => *quota = with_burst,
                Err(error) => errors.at(span, format!("`burst`: {error}")),
            },
            [] if arguments.quotas.is_some() => {}
            _ => errors.at(
                span,
                "`burst` goes with one quota that has none; write it into the quota: `#[throttle(\"10/s burst 20\")]`",
            ),
        }
    }
    if let Some(slots) = positive(arguments, Argument::Concurrent, errors) {
        limits.push(Limit::Concurrent(slots));
    }
    let is_given = |name| arguments.named(name).is_some();
    // `quota` says itself what it lacks.
    let is_tried = arguments.quotas.is_some() || is_given(Argument::Concurrent) || is_given(Argument::Quota);
    if limits.is_empty() && !is_tried && !arguments.is_partial {
        errors.at(
            arguments.span,
            "no limit; write a quota such as `#[throttle(\"100/min\")]`, or `#[throttle(concurrent = 8)]`",
        );
    }
    limits
}

/// The function that says each caller's quota. The one that the attribute states is the default.
fn quota(arguments: &Arguments, item: &Item, limits: &[Limit], errors: &mut Errors) -> Option<TokenStream> {
    let word = &arguments.named(Argument::Quota)?.word;
    if let Some(Value::Str(text)) = arguments.value(Argument::Quota, &mut Errors::default())
        && text.value().parse::<QuotaList>().is_ok()
    {
        let token = text.token();
        errors.on(
            text,
            format!(
                "`quota` takes a function of the arguments, found the string `{token}`; a quota itself stands without \
                 a name: `#[throttle({token})]`"
            ),
        );
        return None;
    }
    let quota = function::of_arguments(arguments, Argument::Quota, item, errors)?;
    match limits.iter().filter(|limit| matches!(limit, Limit::Rate(_))).count() {
        1 => {}
        0 if arguments.quotas.is_some() || arguments.is_partial => {}
        0 => errors.on(
            word,
            "`quota` needs a default beside it, for where the function's does not fit: `#[throttle(\"100/min\", quota = ..)]`",
        ),
        _ => errors.on(
            word,
            "`quota` beside several quotas: the function returns one, which would stand for each of them; stack a \
             `#[throttle(..)]` for each, with a function of its own",
        ),
    }
    Some(quota)
}

fn check_spacing(
    word: &Ident,
    limits: &[Limit],
    algorithm: Option<Algorithm>,
    has_cost_function: bool,
    is_waiting: bool,
    errors: &mut Errors,
) {
    let quotas = || {
        limits.iter().filter_map(|limit| match limit {
            Limit::Rate(quota) => Some(*quota),
            Limit::Concurrent(_) => None,
        })
    };
    let reason = if is_waiting {
        Some("`spaced` beside `mode = \"wait\"`, which waits for calls under way alone; leave one of them out")
    } else if quotas().next().is_none() && !limits.is_empty() {
        Some("`spaced` goes with a quota such as \"10/s\": slots have no rate")
    } else {
        unspaceable(quotas(), algorithm, has_cost_function)
    };
    if let Some(reason) = reason {
        errors.on(word, reason);
    }
}

fn algorithm(arguments: &Arguments, limits: &[Limit], errors: &mut Errors) -> Option<Algorithm> {
    let mut chosen = None;
    if let Some(text) = arguments.string(Argument::Algorithm, errors) {
        let word = text.value();
        chosen = ALGORITHMS.iter().find(|(name, _)| *name == word).map(|(_, algorithm)| *algorithm);
        if chosen.is_none() {
            let names = || ALGORITHMS.iter().map(|(name, _)| *name);
            let meant = closest(&word, names()).map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
            let accepted = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            errors.on(&text, format!("unknown algorithm `{word}`; {meant}accepted: {accepted}"));
        }
    }
    for limit in limits {
        if let (Limit::Rate(quota), Some(text)) = (limit, &arguments.quotas)
            && let Some(reason) = mismatch(chosen.unwrap_or(Algorithm::Bucket), *quota)
        {
            errors.on(text, format!("`{quota}`: {reason}"));
        }
    }
    chosen
}

fn cost(
    arguments: &Arguments,
    item: &Item,
    limits: &[Limit],
    errors: &mut Errors,
) -> (Option<u32>, Option<TokenStream>) {
    match arguments.value(Argument::Cost, errors) {
        None => (None, None),
        Some(Value::Int(literal)) => {
            let Some(cost) = positive(arguments, Argument::Cost, errors) else { return (None, None) };
            let capacity = limits.iter().map(|limit| match limit {
                Limit::Concurrent(slots) => u64::from(*slots),
                Limit::Rate(quota) => quota.burst(),
            });
            if let Some(capacity) = capacity.min().filter(|capacity| *capacity > 0 && u64::from(cost) > *capacity) {
                errors.on(literal, format!("a cost of {cost} can never pass: at most {capacity} are admitted at once; accepted: 1 to {capacity}"));
            }
            (Some(cost), None)
        }
        Some(_) => (None, function::of_arguments(arguments, Argument::Cost, item, errors)),
    }
}

fn key(arguments: &Arguments, item: &Item, errors: &mut Errors) -> Option<TokenStream> {
    match arguments.value(Argument::Key, &mut Errors::default()) {
        // Everybody together is what there is without a key.
        Some(Value::Str(text)) if text.value() == "global" => None,
        Some(Value::Str(text)) => {
            errors.on(
                text,
                format!(
                    "the key {} is read from a request, and a throttled function is called without one; accepted: {}",
                    text.token(),
                    arguments.example(Argument::Key)
                ),
            );
            None
        }
        _ => function::of_arguments(arguments, Argument::Key, item, errors),
    }
}

fn integer(arguments: &Arguments, name: Argument, errors: &mut Errors) -> Option<(u32, Span)> {
    let (number, span) = arguments.integer(name, u64::from(u32::MAX), errors)?;
    Some((u32::try_from(number).ok()?, span))
}

fn positive(arguments: &Arguments, name: Argument, errors: &mut Errors) -> Option<u32> {
    let (number, span) = integer(arguments, name, errors)?;
    if number == 0 {
        errors.at(span, format!("`{}` of 0 admits nothing; accepted: 1 or more", name.text()));
        return None;
    }
    Some(number)
}

fn duration(arguments: &Arguments, name: Argument, errors: &mut Errors) -> Option<u64> {
    arguments.duration(name, arguments.example(name), errors)
}

fn on_store_error(arguments: &Arguments, errors: &mut Errors) -> Option<&'static str> {
    let accepted = arguments.example(Argument::OnStoreError);
    choice(arguments, Argument::OnStoreError, &ON_STORE_ERROR, accepted, errors)
}
