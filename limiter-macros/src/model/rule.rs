//! One attribute's rules: who is counted, how, and at what cost.

use limiter_core::KeyNotation;
use limiter_core::quota::{Alignment, Quota};
use proc_macro2::Span;
use syn::{LitStr, Path};

use super::choices::{missing, on_store_error};
use super::outcome::{self, Outcome};
use super::queue::{self, Queue};
use super::quotas::{Amount, amounts, by_caller, is_tried};
use super::{Algorithm, Class, Cost, Key, Limit, Missing, OnStoreError};
use crate::errors::Errors;
use crate::names::{self, Argument};
use crate::parse::{Arguments, Value};

/// A rule whose name is not settled.
pub(super) struct Draft {
    pub(super) limit: Limit,
    pub(super) quota: Option<Path>,
    pub(super) class: Class,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) key: Option<Key>,
    key_span: Span,
    notation: Option<KeyNotation>,
    pub(super) is_trusted: bool,
    pub(super) missing: Option<Missing>,
    pub(super) cost: Option<Cost>,
    pub(super) is_penalised: bool,
    pub(super) is_shadow: bool,
    pub(super) outcome: Option<Outcome>,
    pub(super) queue: Option<Queue>,
    pub(super) on_store_error: Option<OnStoreError>,
    pub(super) name: Option<LitStr>,
    pub(super) scope: Option<LitStr>,
    /// Which attribute of the stack it comes from.
    pub(super) attribute: usize,
}

/// The rules of one attribute.
pub(super) fn drafts(attribute: usize, arguments: &Arguments, errors: &mut Errors) -> Vec<Draft> {
    let amounts = amounts(arguments, errors);
    let quota = by_caller(arguments, &amounts, errors);
    let algorithm = algorithm(arguments, &amounts, errors);
    let (key, notation, key_span) = key(arguments, errors);
    let is_trusted = trusted(arguments, notation.as_ref(), key.as_ref(), errors);
    let missing = missing(arguments, errors);
    let cost = cost(arguments, &amounts, errors);
    let is_penalised = penalised(arguments, &amounts, errors);
    let is_shadow = arguments.switch(Argument::Shadow, errors).is_some();
    queue::check_spacing(arguments, &amounts, algorithm, cost.as_ref(), errors);
    let (outcome, queue) = outcome::outcome(arguments, &amounts, errors);
    let on_store_error = on_store_error(arguments, errors);
    let name = arguments.wire_word(Argument::Name, errors);
    let scope = arguments.wire_word(Argument::Scope, errors);
    // `quota` says itself what it lacks.
    if amounts.is_empty() && !arguments.is_partial && !is_tried(arguments) && arguments.named(Argument::Quota).is_none()
    {
        errors.at(
            arguments.span,
            "no limit; write a quota such as `#[rate_limit(\"100/min\")]`, or `read = 1000, write = 10`, \
             or `concurrent = 8`",
        );
    }
    amounts
        .into_iter()
        .map(|amount| Draft {
            limit: amount.limit,
            quota: quota.clone(),
            class: amount.class,
            algorithm,
            key: key.clone(),
            key_span,
            notation: notation.clone(),
            is_trusted,
            missing,
            cost: cost.clone(),
            is_penalised,
            is_shadow,
            outcome: outcome.clone(),
            queue,
            on_store_error,
            name: name.clone(),
            scope: scope.clone(),
            attribute,
        })
        .collect()
}

/// How it is counted; `None` is the one that goes with the limit.
fn algorithm(arguments: &Arguments, amounts: &[Amount], errors: &mut Errors) -> Option<Algorithm> {
    let is_concurrent = amounts.iter().any(|amount| matches!(amount.limit, Limit::Concurrent(_)));
    let mut chosen = None;
    if let Some(text) = arguments.string(Argument::Algorithm, errors) {
        let word = text.value();
        chosen = ALGORITHMS.iter().find(|(name, _)| *name == word).map(|(_, algorithm)| *algorithm);
        let names = || ALGORITHMS.iter().map(|(name, _)| *name).chain(["concurrent"]);
        if word == "concurrent" {
            if !is_concurrent && !amounts.is_empty() {
                errors.on(&text, "algorithm `concurrent` takes a number of slots, not a quota: `concurrent = 8`");
            }
        } else if chosen.is_none() {
            let meant = names::closest(&word, names()).map(|meant| format!("did you mean `{meant}`? "));
            let accepted = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            errors.on(&text, format!("unknown algorithm `{word}`; {}accepted: {accepted}", meant.unwrap_or_default()));
        } else if is_concurrent {
            errors.on(&text, "`concurrent = ..` counts slots, not requests per time; leave `algorithm` out");
        }
    }
    for amount in amounts {
        if let Limit::Rate(quota) = amount.limit
            && let Some(reason) = mismatch(chosen.unwrap_or(Algorithm::Bucket), quota)
        {
            errors.at(amount.span, format!("`{quota}`: {reason}"));
        }
    }
    chosen
}

pub(crate) const ALGORITHMS: [(&str, Algorithm); 5] = [
    ("bucket", Algorithm::Bucket),
    ("interval", Algorithm::Interval),
    ("fixed", Algorithm::Fixed),
    ("sliding", Algorithm::Sliding),
    ("log", Algorithm::Log),
];

/// The largest limit that an exact log counts.
const MAX_LOG_UNITS: u64 = 10_000;

/// Why an algorithm cannot count a quota. Mirrors what a policy checks when it is built.
pub(crate) fn mismatch(algorithm: Algorithm, quota: Quota) -> Option<&'static str> {
    let is_aligned = quota.alignment() != Alignment::FirstHit;
    let has_burst = quota.has_burst() && quota.burst() != quota.count();
    match algorithm {
        _ if quota.is_unlimited() => None,
        Algorithm::Bucket if is_aligned => {
            Some("a bucket refills continuously and has no windows to align; add `algorithm = \"fixed\"`")
        }
        Algorithm::Sliding | Algorithm::Log if is_aligned => {
            Some("a sliding window has no edges to align; use `algorithm = \"fixed\"`")
        }
        Algorithm::Fixed | Algorithm::Sliding | Algorithm::Log if has_burst => {
            Some("a window admits its count and has no burst; leave the burst out, or use `algorithm = \"bucket\"`")
        }
        Algorithm::Log if quota.count() > MAX_LOG_UNITS => {
            Some("an exact log remembers up to 10000 requests for each key; use `algorithm = \"sliding\"`")
        }
        _ => None,
    }
}

fn key(arguments: &Arguments, errors: &mut Errors) -> (Option<Key>, Option<KeyNotation>, Span) {
    use syn::spanned::Spanned;
    match arguments.value(Argument::Key, errors) {
        None => (None, None, arguments.span),
        Some(Value::Path(path)) => {
            if let Some(word) = path.get_ident().map(ToString::to_string)
                && matches!(word.as_str(), "ip" | "global")
            {
                errors.on(
                    path,
                    format!("a key of the notation is a string: `key = \"{word}\"`; a path names your function"),
                );
            }
            (Some(Key::Function(path.clone())), None, path.span())
        }
        Some(Value::Str(text)) => match KeyNotation::parse(&text.value()) {
            Ok(notation) => (Some(Key::Notation(text.value())), Some(notation), text.span()),
            Err(error) => {
                errors.on(text, format!("`key`: {error}"));
                (None, None, text.span())
            }
        },
        Some(value) => {
            errors.on(value, arguments.unfit(Argument::Key, "a key or the path of a function", value));
            (None, None, arguments.span)
        }
    }
}

fn trusted(arguments: &Arguments, notation: Option<&KeyNotation>, key: Option<&Key>, errors: &mut Errors) -> bool {
    let Some(word) = arguments.switch(Argument::TrustedKey, errors) else { return false };
    // What a function or source of the user's reads, only they know.
    let is_open = match key {
        Some(Key::Function(_)) => true,
        Some(Key::Notation(_)) => notation.is_some_and(KeyNotation::is_caller_chosen),
        None => arguments.named(Argument::Key).is_some(),
    };
    if !is_open {
        errors.on(
            word,
            "`trusted_key` has no effect here: it goes with a key that callers choose, such as `key = \"header:x-api-key\"`",
        );
    }
    true
}

/// Whether refused requests count too.
fn penalised(arguments: &Arguments, amounts: &[Amount], errors: &mut Errors) -> bool {
    let Some(word) = arguments.switch(Argument::Penalty, errors) else { return false };
    if amounts.iter().any(|amount| matches!(amount.limit, Limit::Concurrent(_))) {
        errors.on(
            word,
            "`penalty` beside `concurrent`: a refused request holds no slot that could be counted; leave `penalty` out, \
             or put it beside a quota in a second `#[rate_limit(\"100/min\", penalty)]`",
        );
    }
    true
}

fn cost(arguments: &Arguments, amounts: &[Amount], errors: &mut Errors) -> Option<Cost> {
    match arguments.value(Argument::Cost, errors)? {
        Value::Int(number) => {
            let (cost, span) = arguments.read_integer(Argument::Cost, number, u64::from(u32::MAX), errors)?;
            for amount in amounts {
                let (limit, capacity) = match amount.limit {
                    Limit::Concurrent(slots) => (format!("concurrent = {slots}"), u64::from(slots)),
                    Limit::Rate(quota) => (quota.to_string(), quota.burst()),
                };
                if capacity > 0 && cost > capacity {
                    errors.at(
                        span,
                        format!("a cost of {cost} can never pass: `{limit}` admits {capacity} at once; accepted: 0 to {capacity}"),
                    );
                    break;
                }
            }
            u32::try_from(cost).ok().map(Cost::Fixed)
        }
        Value::Path(path) => Some(Cost::Function(path.clone())),
        value => {
            errors.on(value, arguments.unfit(Argument::Cost, "a whole number or the path of a function", value));
            None
        }
    }
}

/// A key that callers choose is no limit by itself: whoever rotates it goes free. Mirrors what a
/// policy checks when it is built.
pub(super) fn check_companions(drafts: &[Draft], errors: &mut Errors) {
    let mut last = None;
    for draft in drafts {
        let (Some(notation), Some(Key::Notation(text))) = (&draft.notation, &draft.key) else { continue };
        let is_open = match draft.class {
            Class::Any => !(is_covered(drafts, Class::Read) && is_covered(drafts, Class::Write)),
            class => !is_covered(drafts, class),
        };
        // The rules of one attribute share its key.
        let is_reported = last == Some(draft.attribute);
        if notation.is_caller_chosen() && !draft.is_trusted && is_open && !is_reported {
            last = Some(draft.attribute);
            errors.at(
                draft.key_span,
                format!(
                    "callers choose the key `{text}` and can rotate it to get around the limit; stack a limit by address, \
                     such as `#[rate_limit(\"1000/min\", key = \"ip\")]`, or add `trusted_key` if something in front \
                     has checked it"
                ),
            );
        }
    }
}

/// Whether a rule by address counts the requests of a class.
fn is_covered(drafts: &[Draft], class: Class) -> bool {
    drafts.iter().any(|draft| {
        let is_limit = !matches!(draft.limit, Limit::Rate(quota) if quota.is_unlimited());
        let is_address = match &draft.key {
            None => matches!(draft.limit, Limit::Rate(_)),
            Some(_) => draft.notation.as_ref().is_some_and(KeyNotation::is_client_address),
        };
        is_limit && is_address && (draft.class == Class::Any || draft.class == class)
    })
}
