//! How much: the quotas of one attribute.

use limiter_core::quota::{Quota, QuotaList, parse_period};
use proc_macro2::Span;
use quote::ToTokens;
use syn::{LitStr, Path};

use super::{Class, Limit};
use crate::errors::Errors;
use crate::names::Argument;
use crate::parse::{Arguments, Value};

const MINUTE: u64 = 60_000_000_000;

/// A limit, where it was written, and what it counts.
pub(super) struct Amount {
    pub(super) class: Class,
    pub(super) limit: Limit,
    pub(super) span: Span,
    /// Whether the attribute's own `per` and `burst` can apply: a bare integer has neither.
    is_bare: bool,
}

/// The limits that an attribute states.
pub(super) fn amounts(arguments: &Arguments, errors: &mut Errors) -> Vec<Amount> {
    let period = period(arguments, errors);
    let mut amounts = Vec::new();
    if let Some(text) = &arguments.quotas {
        list(text, None, Class::Any, &mut amounts, errors);
        for name in [Argument::Read, Argument::Write] {
            if let Some(argument) = arguments.named(name) {
                let word = name.text();
                errors.on(
                    &argument.word,
                    format!(
                        "`{word}` beside a quota that counts every request; write `read = .., write = ..` alone to count \
                         them apart, or stack a second `#[rate_limit({word} = ..)]` to have both"
                    ),
                );
            }
        }
    } else {
        by_class(arguments, Argument::Read, Class::Read, period, &mut amounts, errors);
        by_class(arguments, Argument::Write, Class::Write, period, &mut amounts, errors);
    }
    unused_period(arguments, &amounts, errors);
    burst(arguments, &mut amounts, errors);
    concurrent(arguments, &mut amounts, errors);
    amounts
}

/// The function that says each caller's quota. The one that the attribute states is the default.
pub(super) fn by_caller(arguments: &Arguments, amounts: &[Amount], errors: &mut Errors) -> Option<Path> {
    let word = &arguments.named(Argument::Quota)?.word;
    let function = match arguments.value(Argument::Quota, errors)? {
        Value::Path(path) => path,
        Value::Str(text) if text.value().parse::<QuotaList>().is_ok() => {
            let token = text.token();
            errors.on(
                text,
                format!(
                    "`quota` takes the path of a function, found the string `{token}`; a quota itself stands without a \
                     name: `#[rate_limit({token})]`"
                ),
            );
            return None;
        }
        value => {
            errors.on(value, arguments.unfit(Argument::Quota, "the path of a function", value));
            return None;
        }
    };
    if amounts.iter().any(|amount| matches!(amount.limit, Limit::Concurrent(_))) {
        errors.on(
            word,
            "`quota` beside `concurrent`: slots are not counted per time; leave `quota` out, or put it beside a quota \
             in a second `#[rate_limit(\"100/min\", quota = ..)]`",
        );
    } else if is_list(amounts) {
        errors.on(
            word,
            "`quota` beside several quotas: the function returns one, which would stand for each of them; stack a \
             `#[rate_limit(..)]` for each, with a function of its own",
        );
    } else if amounts.is_empty() && !arguments.is_partial && !is_tried(arguments) {
        let text = function.to_token_stream().to_string().replace(' ', "");
        errors.on(word, format!("`quota` needs a default beside it, for when the function does not say: `#[rate_limit(\"100/min\", quota = {text})]`"));
    }
    Some(function.clone())
}

/// Whether requests of one class are counted by several quotas.
fn is_list(amounts: &[Amount]) -> bool {
    amounts.iter().any(|a| amounts.iter().filter(|b| b.class == a.class).count() > 1)
}

/// Whether a limit was given that was refused, which is message enough.
pub(super) fn is_tried(arguments: &Arguments) -> bool {
    arguments.quotas.is_some()
        || [Argument::Read, Argument::Write, Argument::Concurrent, Argument::Per, Argument::Burst]
            .into_iter()
            .any(|name| arguments.named(name).is_some())
}

fn by_class(
    arguments: &Arguments,
    name: Argument,
    class: Class,
    period: u64,
    amounts: &mut Vec<Amount>,
    errors: &mut Errors,
) {
    match arguments.value(name, errors) {
        None => {}
        Some(Value::Str(text)) => list(text, Some(name), class, amounts, errors),
        Some(Value::Int(number)) => {
            let Some((count, span)) = arguments.read_integer(name, number, limiter_core::quota::MAX_COUNT, errors)
            else {
                return;
            };
            let word = name.text();
            if count == 0 {
                errors.at(
                    span,
                    format!("`{word} = 0` refuses every {word}; if that is meant, say so: `{word} = \"0/min\"`"),
                );
                return;
            }
            match Quota::from_nanos(count, period) {
                Ok(quota) => amounts.push(Amount { class, limit: Limit::Rate(quota), span, is_bare: true }),
                Err(error) => errors.at(span, format!("`{word} = {count}`: {error}")),
            }
        }
        Some(value) => errors.on(value, arguments.unfit(name, "a number or a quota", value)),
    }
}

fn list(text: &LitStr, name: Option<Argument>, class: Class, amounts: &mut Vec<Amount>, errors: &mut Errors) {
    match text.value().parse::<QuotaList>() {
        Ok(quotas) => amounts.extend(quotas.into_iter().map(|quota| Amount {
            class,
            limit: Limit::Rate(quota),
            span: text.span(),
            is_bare: false,
        })),
        Err(error) => match name {
            Some(name) => errors.on(text, format!("`{}`: {error}", name.text())),
            None => errors.on(text, error),
        },
    }
}

fn period(arguments: &Arguments, errors: &mut Errors) -> u64 {
    match arguments.value(Argument::Per, errors) {
        None => return MINUTE,
        Some(Value::Str(text)) => match parse_period(&text.value()) {
            Ok(nanos) => return nanos,
            Err(error) => errors.on(text, format!("`per`: {error}")),
        },
        Some(value) => errors.on(value, arguments.unfit(Argument::Per, "a period as a string", value)),
    }
    MINUTE
}

fn unused_period(arguments: &Arguments, amounts: &[Amount], errors: &mut Errors) {
    let Some(per) = arguments.named(Argument::Per) else { return };
    if amounts.iter().any(|amount| amount.is_bare)
        || is_bare(arguments, Argument::Read)
        || is_bare(arguments, Argument::Write)
    {
        return;
    }
    let message = if amounts.is_empty() {
        "`per` goes with a bare number: `read = 1000, write = 10, per = \"min\"`"
    } else {
        "`per` goes with a bare number such as `read = 1000`, and a quota in a string says per what itself; leave `per` out"
    };
    errors.on(&per.word, message);
}

/// Whether the argument is a bare number, be it a refused one.
fn is_bare(arguments: &Arguments, name: Argument) -> bool {
    matches!(arguments.named(name), Some(argument) if matches!(argument.value, Some(Value::Int(_))))
}

fn burst(arguments: &Arguments, amounts: &mut [Amount], errors: &mut Errors) {
    let Some((burst, span)) = arguments.integer(Argument::Burst, limiter_core::quota::MAX_COUNT, errors) else {
        return;
    };
    if is_list(amounts) {
        errors.at(
            span,
            "`burst` beside several quotas; write it behind the one it belongs to: \"10/s burst 20, 1000/h\"",
        );
        return;
    }
    if amounts.is_empty() {
        if !arguments.is_partial {
            errors.at(span, "`burst` goes with a quota: `read = 1000, burst = 50`");
        }
        return;
    }
    for amount in amounts {
        let Limit::Rate(quota) = amount.limit else { continue };
        if quota.has_burst() {
            errors.at(span, format!("`burst` is given twice: `{quota}` has one; leave one of them out"));
            return;
        }
        match quota.with_burst(burst) {
            Ok(quota) => amount.limit = Limit::Rate(quota),
            Err(error) => {
                errors.at(span, format!("`burst = {burst}`: {error}"));
                return;
            }
        }
    }
}

fn concurrent(arguments: &Arguments, amounts: &mut Vec<Amount>, errors: &mut Errors) {
    let Some((slots, span)) = arguments.integer(Argument::Concurrent, u64::from(u32::MAX), errors) else { return };
    if slots == 0 {
        errors.at(span, "`concurrent = 0` admits nothing; accepted: 1 or more");
        return;
    }
    if !amounts.is_empty() {
        errors.at(
            arguments.named(Argument::Concurrent).map_or(span, |argument| argument.word.span()),
            "`concurrent` beside a quota; stack a second `#[rate_limit(concurrent = ..)]`, so that each says its own key",
        );
        return;
    }
    let slots = u32::try_from(slots).unwrap_or(u32::MAX);
    amounts.push(Amount { class: Class::Any, limit: Limit::Concurrent(slots), span, is_bare: false });
}
