//! What a `#[throttle(..)]` means.

use limiter_core::quota::{Quota, QuotaList, parse_duration};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

use super::arguments::{Arguments, unfit};
use super::function;
use super::words::Word;
use crate::errors::Errors;
use crate::item::Item;
use crate::model::{ALGORITHMS, Algorithm, is_wire_name, mismatch};
use crate::names::closest;
use crate::parse::Value;
use crate::path::absolute;

/// A valid use of the attribute.
pub(super) struct Model {
    pub(super) root: TokenStream,
    pub(super) limits: Vec<Limit>,
    pub(super) algorithm: Option<Algorithm>,
    /// What the rules take; an expression over the arguments where it is not the same for all calls.
    pub(super) cost: Option<u32>,
    pub(super) cost_of: Option<TokenStream>,
    pub(super) is_penalised: bool,
    pub(super) on_store_error: Option<&'static str>,
    pub(super) lease: Option<u64>,
    pub(super) name: String,
    pub(super) scope: Option<String>,
    pub(super) key: Option<TokenStream>,
    pub(super) limiter: Option<TokenStream>,
    pub(super) max_wait: Option<u64>,
    pub(super) queue: Option<u32>,
    pub(super) is_newest_first: bool,
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
        let algorithm = algorithm(arguments, &limits, errors);
        let (cost, cost_of) = cost(arguments, item, &limits, errors);
        let key = arguments.value(Word::Key, errors).and_then(|value| key(value, item, errors));
        let limiter = arguments.value(Word::Limiter, errors).map(ToTokens::to_token_stream);
        let max_wait = duration(arguments, Word::MaxWait, errors);
        let queue = arguments.number(Word::Queue, errors).map(|(number, _)| number);
        let newest = arguments.switch(Word::NewestFirst, errors);
        for (word, needed) in [(Word::Queue, Word::MaxWait), (Word::NewestFirst, Word::Queue)] {
            if let (Some(ident), None) = (arguments.word(word), arguments.word(needed)) {
                errors.on(ident, format!("`{ident}` goes with `{}`; add {}", needed.text(), needed.example()));
            }
        }
        let is_concurrent = limits.iter().any(|limit| matches!(limit, Limit::Concurrent(_)));
        let lease = duration(arguments, Word::Lease, errors);
        if let (Some(ident), false) = (arguments.word(Word::Lease), is_concurrent) {
            errors.on(ident, "`lease` is about slots, which only `concurrent = ..` has; leave it out");
        }
        let penalty = arguments.switch(Word::Penalty, errors);
        if let (Some(ident), true) = (penalty, is_concurrent) {
            errors.on(
                ident,
                "`penalty` beside `concurrent`: a refused call holds no slot that could be counted; leave it out",
            );
        }
        Model {
            root: root(arguments, errors),
            algorithm,
            cost,
            cost_of,
            is_penalised: penalty.is_some(),
            on_store_error: on_store_error(arguments, errors),
            lease,
            name: wire_word(arguments, Word::Name, errors).unwrap_or_else(|| item.name()),
            scope: wire_word(arguments, Word::Scope, errors),
            key,
            limiter,
            max_wait,
            queue,
            is_newest_first: newest.is_some(),
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
    if let Some((burst, literal)) = arguments.number(Word::Burst, errors) {
        match limits.as_mut_slice() {
            [Limit::Rate(quota)] if !quota.has_burst() => match quota.with_burst(u64::from(burst)) {
                Ok(with_burst) => *quota = with_burst,
                Err(error) => errors.on(literal, format!("`burst`: {error}")),
            },
            [] if arguments.quotas.is_some() => {}
            _ => errors.on(
                literal,
                "`burst` goes with one quota that has none; write it into the quota: `#[throttle(\"10/s burst 20\")]`",
            ),
        }
    }
    if let Some((slots, _)) = arguments.number(Word::Concurrent, errors) {
        limits.push(Limit::Concurrent(slots));
    }
    let is_tried = arguments.quotas.is_some() || arguments.word(Word::Concurrent).is_some() || arguments.is_partial;
    if limits.is_empty() && !is_tried {
        errors.at(
            Span::call_site(),
            "no limit; write a quota such as `#[throttle(\"100/min\")]`, or `#[throttle(concurrent = 8)]`",
        );
    }
    limits
}

fn algorithm(arguments: &Arguments, limits: &[Limit], errors: &mut Errors) -> Option<Algorithm> {
    let mut chosen = None;
    if let Some(text) = arguments.string(Word::Algorithm, errors) {
        let word = text.value();
        chosen = ALGORITHMS.iter().find(|(name, _)| *name == word).map(|(_, algorithm)| *algorithm);
        if chosen.is_none() {
            let names = || ALGORITHMS.iter().map(|(name, _)| *name);
            let meant = closest(&word, names()).map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
            let accepted = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            errors.on(text, format!("unknown algorithm `{word}`; {meant}accepted: {accepted}"));
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
    match arguments.value(Word::Cost, errors) {
        None => (None, None),
        Some(Value::Int(_)) => {
            let Some((cost, literal)) = arguments.number(Word::Cost, errors) else { return (None, None) };
            let capacity = limits.iter().map(|limit| match limit {
                Limit::Concurrent(slots) => u64::from(*slots),
                Limit::Rate(quota) => quota.burst(),
            });
            if let Some(capacity) = capacity.min().filter(|capacity| *capacity > 0 && u64::from(cost) > *capacity) {
                errors.on(literal, format!("a cost of {cost} can never pass: at most {capacity} are admitted at once; accepted: 1 to {capacity}"));
            }
            (Some(cost), None)
        }
        Some(value) => (None, function::of_arguments(Word::Cost, value, item, errors)),
    }
}

fn key(value: &Value, item: &Item, errors: &mut Errors) -> Option<TokenStream> {
    match value {
        // Everybody together is what there is without a key.
        Value::Str(text) if text.value() == "global" => None,
        Value::Str(text) => {
            errors.on(
                text,
                format!(
                    "the key {} is read from a request, and a throttled function is called without one; accepted: {}",
                    text.token(),
                    Word::Key.example()
                ),
            );
            None
        }
        value => function::of_arguments(Word::Key, value, item, errors),
    }
}

fn duration(arguments: &Arguments, word: Word, errors: &mut Errors) -> Option<u64> {
    let text = arguments.string(word, errors)?;
    match parse_duration(&text.value()) {
        Ok(0) => {
            errors.on(text, format!("`{}` leaves no time; accepted: {}", word.text(), word.example()));
            None
        }
        Ok(nanos) => Some(nanos),
        Err(error) => {
            errors.on(text, format!("`{}`: {error}", word.text()));
            None
        }
    }
}

fn on_store_error(arguments: &Arguments, errors: &mut Errors) -> Option<&'static str> {
    let text = arguments.string(Word::OnStoreError, errors)?;
    let word = text.value();
    let chosen = ON_STORE_ERROR.iter().find(|(name, _)| *name == word).map(|(_, variant)| *variant);
    if chosen.is_none() {
        let meant = closest(&word, ON_STORE_ERROR.iter().map(|(name, _)| *name));
        let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        errors.on(
            text,
            format!("`on_store_error` knows no choice `{word}`; {meant}accepted: {}", Word::OnStoreError.example()),
        );
    }
    chosen
}

fn wire_word(arguments: &Arguments, word: Word, errors: &mut Errors) -> Option<String> {
    let text = arguments.string(word, errors)?;
    if !is_wire_name(&text.value()) {
        let name = word.text();
        errors.on(text, format!("`{name}` cannot be {}; accepted: 1 to 64 of A-Z a-z 0-9 . _ ~ : / -", text.token()));
        return None;
    }
    Some(text.value())
}

fn root(arguments: &Arguments, errors: &mut Errors) -> TokenStream {
    match arguments.value(Word::Crate, errors) {
        None => {}
        Some(Value::Path(path)) => {
            if let Some(path) = absolute(path, errors) {
                return path;
            }
        }
        Some(value) => errors.on(value, unfit(Word::Crate, "a path", value)),
    }
    quote!(::limiter_tower)
}
