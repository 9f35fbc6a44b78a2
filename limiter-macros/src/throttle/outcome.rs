//! What counts once a call has ended: `count` and `settle`, which look at what the function returns.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, Ident};

use super::model::Limit;
use crate::errors::Errors;
use crate::model::{Mode, UnderWay, check_company, keyword_as_path, settling_word};
use crate::names::Argument;
use crate::parse::{Arguments, Value};

/// How the charge of a call is settled.
pub(super) struct Outcome {
    pub(super) by: By,
    pub(super) under_way: UnderWay,
}

/// What says how much a call has cost.
pub(super) enum By {
    /// The result: the word says which results count.
    Result(&'static str),
    /// A function that says whether the outcome counts.
    Counts(TokenStream),
    /// A function that says what the outcome costs.
    Cost(TokenStream),
}

/// The results that count, by the words of `count`.
const RESULTS: [&str; 2] = ["failed", "success"];

/// How the charge is settled, and whether calls wait for those under way.
pub(super) fn outcome(arguments: &Arguments, limits: &[Limit], errors: &mut Errors) -> Option<Outcome> {
    let under_way = UnderWay::new(arguments, errors);
    let word = settling_word(arguments, errors)?;
    check_company(arguments, &word, errors);
    check_quota(&word, limits, errors);
    let by = match arguments.named(Argument::Count) {
        Some(_) => count(arguments, errors),
        None => arguments.value(Argument::Settle, errors).and_then(|value| {
            let wanted = "a function of what the call returns";
            Some(By::Cost(of_outcome(arguments, Argument::Settle, wanted, value, errors)?))
        }),
    };
    Some(Outcome { by: by?, under_way })
}

impl Outcome {
    pub(super) fn is_waiting(&self) -> bool {
        self.under_way.mode == Some(Mode::Wait)
    }
}

fn check_quota(word: &Ident, limits: &[Limit], errors: &mut Errors) {
    if !limits.is_empty() && limits.iter().all(|limit| matches!(limit, Limit::Concurrent(_))) {
        errors.on(
            word,
            format!(
                "`{word}` goes with a quota: a slot is free when its call ends, whatever came of it; add one, as in \
                 `#[throttle(\"100/min\", concurrent = 8, {word} = ..)]`"
            ),
        );
    }
}

fn count(arguments: &Arguments, errors: &mut Errors) -> Option<By> {
    match arguments.value(Argument::Count, errors)? {
        Value::Str(text) => {
            let word = text.value();
            let result = RESULTS.into_iter().find(|result| *result == word);
            if result.is_none() {
                errors.on(
                    text,
                    format!(
                        "`count` knows no outcome {}, since a call has a result and no status; accepted: {}",
                        text.token(),
                        arguments.example(Argument::Count)
                    ),
                );
            }
            result.map(By::Result)
        }
        value => {
            if let Value::Path(path) = value
                && keyword_as_path(path, errors)
            {
                return None;
            }
            let wanted = "\"failed\", \"success\" or a function of what the call returns";
            Some(By::Counts(of_outcome(arguments, Argument::Count, wanted, value, errors)?))
        }
    }
}

/// A function of a reference to what the call returns.
fn of_outcome(
    arguments: &Arguments,
    name: Argument,
    wanted: &str,
    value: &Value,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let closure = match value {
        Value::Path(path) => return Some(path.to_token_stream()),
        Value::Other(tokens) => match syn::parse2(tokens.clone()) {
            Ok(Expr::Closure(closure)) => Some(closure),
            _ => None,
        },
        _ => None,
    };
    let Some(closure) = closure else {
        errors.on(value, arguments.unfit(name, wanted, value));
        return None;
    };
    let found = closure.inputs.len();
    if found != 1 {
        errors.on(
            value,
            format!(
                "`{}` is asked about what the call returns, and takes that alone; found {found} arguments; accepted: {}",
                name.text(),
                arguments.example(name)
            ),
        );
        return None;
    }
    Some(closure.to_token_stream())
}
