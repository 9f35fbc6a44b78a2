//! What counts once the answer is known: `count`, `settle`, and how requests under way are taken.

use limiter_core::Statuses;
use syn::{Ident, Path};

use super::Limit;
use super::choices::choice;
use super::queue::{Queue, queue};
use super::quotas::Amount;
use crate::errors::Errors;
use crate::names::Argument;
use crate::parse::{Arguments, Value};

/// How the charge of a rule is settled.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) by: By,
    pub(crate) settling: Settling,
    /// For how many nanoseconds a request may stay unsettled, if the attribute says so.
    pub(crate) within: Option<u64>,
    /// Whether a request that stays unsettled is given back.
    pub(crate) is_refunded: bool,
}

/// What may pass while requests are under way. The variants go by the names of the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settling {
    Lenient(u32),
    Strict,
    Wait(Queue),
}

/// What says how much a request has cost.
#[derive(Clone)]
pub(crate) enum By {
    Counts(Path),
    Cost(Path),
    Handler,
    Statuses(String),
}

/// The engine's own choice.
const IN_FLIGHT: u32 = 32;

/// How requests are taken whose outcome is not known yet.
#[derive(Clone, Copy)]
pub(crate) struct UnderWay {
    pub(crate) mode: Option<Mode>,
    pub(crate) in_flight: u32,
    /// For how many nanoseconds one may stay unsettled, if the attribute says so.
    pub(crate) within: Option<u64>,
    /// Whether one that stays unsettled is given back.
    pub(crate) is_refunded: bool,
}

/// The words that go with `count` and `settle`.
const BESIDE: [Argument; 4] = [Argument::Mode, Argument::InFlight, Argument::SettleWithin, Argument::Unsettled];

/// How the charge is settled, and how requests are held that find no room.
pub(super) fn outcome(
    arguments: &Arguments,
    amounts: &[Amount],
    errors: &mut Errors,
) -> (Option<Outcome>, Option<Queue>) {
    let UnderWay { mode, in_flight, within, is_refunded } = UnderWay::new(arguments, errors);
    let queue = queue(arguments, mode == Some(Mode::Wait), errors);
    let Some(word) = settling_word(arguments, errors) else { return (None, queue) };
    check_company(arguments, &word, errors);
    if amounts.iter().any(|amount| matches!(amount.limit, Limit::Concurrent(_))) {
        errors.on(
            &word,
            format!(
                "`{word}` beside `concurrent`: a slot is free when its request ends, whatever came of it; put `{word}` \
                 beside a quota in a second `#[rate_limit(\"100/min\", {word} = ..)]`"
            ),
        );
    }
    let by = match arguments.named(Argument::Count) {
        Some(_) => count(arguments, errors),
        None => settle(arguments, errors),
    };
    let (settling, queue) = match (mode, queue) {
        (Some(Mode::Lenient), queue) => (Settling::Lenient(in_flight), queue),
        (Some(Mode::Wait), Some(queue)) => (Settling::Wait(queue), None),
        (_, queue) => (Settling::Strict, queue),
    };
    (by.map(|by| Outcome { by, settling, within, is_refunded }), queue)
}

impl UnderWay {
    pub(crate) fn new(arguments: &Arguments, errors: &mut Errors) -> Self {
        let mode = mode(arguments, errors);
        UnderWay {
            mode,
            in_flight: in_flight(arguments, mode, errors),
            within: arguments.duration(Argument::SettleWithin, "a duration such as \"30s\"", errors),
            is_refunded: unsettled(arguments, errors),
        }
    }
}

/// The word by which charges are settled; without one there is nothing to be said of requests under way.
pub(crate) fn settling_word(arguments: &Arguments, errors: &mut Errors) -> Option<Ident> {
    let named = |name| arguments.named(name).map(|argument| argument.word.clone());
    let word = named(Argument::Count).or_else(|| named(Argument::Settle));
    if word.is_none() {
        let counted = arguments.vocabulary.counted;
        for argument in BESIDE.into_iter().filter_map(|name| arguments.named(name)) {
            let word = &argument.word;
            errors.on(
                word,
                format!(
                    "`{word}` is about {counted} whose outcome is not known yet; add `count = \"failed\"` or \
                     `settle = ..`, or leave `{word}` out"
                ),
            );
        }
    }
    word
}

/// What cannot stand beside it.
pub(crate) fn check_company(arguments: &Arguments, word: &Ident, errors: &mut Errors) {
    if let (Some(_), Some(settle)) = (arguments.named(Argument::Count), arguments.named(Argument::Settle)) {
        errors.on(
            &settle.word,
            "`settle` beside `count`: a function of `settle` says 0 of what does not count; leave `count` out",
        );
    }
    if let Some(penalty) = arguments.named(Argument::Penalty) {
        errors.on(
            &penalty.word,
            format!(
                "`penalty` beside `{word}`: what was refused has no outcome and never counts; leave one of them out"
            ),
        );
    }
}

fn count(arguments: &Arguments, errors: &mut Errors) -> Option<By> {
    match arguments.value(Argument::Count, errors)? {
        Value::Path(path) => {
            keyword_as_path(path, errors);
            Some(By::Counts(path.clone()))
        }
        Value::Str(text) => match text.value().parse::<Statuses>() {
            Ok(_) => Some(By::Statuses(text.value())),
            Err(error) => {
                errors.on(text, format!("`count`: {error}"));
                None
            }
        },
        value => {
            errors.on(value, arguments.unfit(Argument::Count, "statuses or the path of a function", value));
            None
        }
    }
}

/// Whether a keyword of `count` stands there without quotes.
pub(crate) fn keyword_as_path(path: &Path, errors: &mut Errors) -> bool {
    let bare = path.get_ident().map(ToString::to_string);
    let Some(word) = bare.filter(|word| matches!(word.as_str(), "failed" | "success")) else { return false };
    errors.on(path, format!("`{word}` is a string here: `count = \"{word}\"`; a path names your function"));
    true
}

fn settle(arguments: &Arguments, errors: &mut Errors) -> Option<By> {
    match arguments.value(Argument::Settle, errors)? {
        Value::Path(path) => Some(By::Cost(path.clone())),
        Value::Str(text) if text.value() == "handler" => Some(By::Handler),
        value => {
            errors.on(value, arguments.unfit(Argument::Settle, "the path of a function or \"handler\"", value));
            None
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Lenient,
    Strict,
    Wait,
}

fn mode(arguments: &Arguments, errors: &mut Errors) -> Option<Mode> {
    let known = [("strict", Mode::Strict), ("wait", Mode::Wait), ("lenient", Mode::Lenient)];
    let counted = arguments.vocabulary.counted;
    let accepted = format!(
        "`strict` ({counted} under way take their cost), `wait` (and others wait for them), `lenient` (they take it \
         when they are settled)"
    );
    choice(arguments, Argument::Mode, &known, &accepted, errors)
}

/// How many lenient requests may be under way.
fn in_flight(arguments: &Arguments, mode: Option<Mode>, errors: &mut Errors) -> u32 {
    let Some((number, span)) = arguments.integer(Argument::InFlight, u64::from(u32::MAX), errors) else {
        return IN_FLIGHT;
    };
    if mode != Some(Mode::Lenient) {
        let counted = arguments.vocabulary.counted;
        errors
            .at(span, format!("`in_flight` goes with `mode = \"lenient\"`: else {counted} under way take their cost"));
    } else if number == 0 {
        errors.at(span, "`in_flight = 0` admits nothing; accepted: 1 or more");
    }
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn unsettled(arguments: &Arguments, errors: &mut Errors) -> bool {
    let accepted = "`charge` (it counts), `refund` (it is given back)";
    choice(arguments, Argument::Unsettled, &[("charge", false), ("refund", true)], accepted, errors) == Some(true)
}
