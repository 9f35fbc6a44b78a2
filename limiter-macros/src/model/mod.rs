//! From arguments to what they mean: rules with their names settled, and the shape of the function.
//! All mistakes that can be seen without types are found here.

mod answer;
mod choices;
mod function;
mod naming;
mod outcome;
mod queue;
mod quotas;
mod rule;

pub(crate) use choices::choice;
pub(crate) use naming::is_wire_name;
pub(crate) use rule::{ALGORITHMS, mismatch};

use limiter_core::quota::Quota;
use proc_macro2::TokenStream;
use syn::{Ident, Path, Type};

use crate::errors::Errors;
use crate::item::Item;
use crate::names::Argument;
use crate::parse::{Arguments, Value};
use crate::path;
pub(crate) use outcome::{By, Mode, Outcome, Settling, UnderWay, check_company, keyword_as_path, settling_word};
pub(crate) use queue::{MAX_WAIT, PLACES, Queue, unspaceable};

/// A valid use of the attribute.
pub(crate) struct Model {
    /// The path of the runtime crate.
    pub(crate) root: TokenStream,
    pub(crate) shape: Shape,
    pub(crate) rules: Vec<Rule>,
    pub(crate) exempt: Vec<String>,
    /// Which fields answers carry, if the attribute says so.
    pub(crate) fields: Option<Fields>,
    /// Who answers refused requests, if the attribute says so.
    pub(crate) on_limited: Option<Path>,
    /// The name under which the untouched function is emitted too.
    pub(crate) inner: Option<Ident>,
}

/// What kind of function it is.
pub(crate) enum Shape {
    /// An async handler, with its extractors; lifetimes are spelled out as `'static`.
    Handler { extractors: Vec<Type> },
    /// A function that returns a router.
    Group,
}

/// The fields of answers: a family of the IETF and the legacy trio, by the variants that the runtime
/// has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) family: &'static str,
    pub(crate) legacy: &'static str,
}

/// One rule, with its final name.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) scope: Option<String>,
    pub(crate) limit: Limit,
    /// The function that says each caller's quota; `limit` is then the default.
    pub(crate) quota: Option<Path>,
    pub(crate) class: Class,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) key: Option<Key>,
    pub(crate) is_trusted: bool,
    pub(crate) missing: Option<Missing>,
    pub(crate) cost: Option<Cost>,
    pub(crate) is_penalised: bool,
    pub(crate) is_shadow: bool,
    /// How the charge is settled once the outcome is known.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) queue: Option<Queue>,
    pub(crate) on_store_error: Option<OnStoreError>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    Concurrent(u32),
    Rate(Quota),
}

/// How requests per time are counted. The variants go by the names of the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Bucket,
    Fixed,
    Interval,
    Log,
    Sliding,
}

/// Which requests a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Any,
    Read,
    Write,
}

#[derive(Clone)]
pub(crate) enum Key {
    Function(Path),
    Notation(String),
}

/// What becomes of a request without the key. The variants go by the names of the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Refuse,
    Shared,
    Skip,
}

/// What to do when the store fails. The variants go by the names of the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnStoreError {
    Closed,
    Local,
    Open,
}

#[derive(Clone)]
pub(crate) enum Cost {
    Fixed(u32),
    Function(Path),
}

impl Model {
    /// Works out what a stack of attributes means for the function below it. The model is only
    /// good if no mistake was found.
    pub(crate) fn new(stack: &[Arguments], item: &Item, errors: &mut Errors) -> Self {
        let root = path::root(stack, errors);
        let shape = function::shape(item, errors);
        let drafts: Vec<_> = stack
            .iter()
            .enumerate()
            .flat_map(|(attribute, arguments)| rule::drafts(attribute, arguments, errors))
            .collect();
        rule::check_companions(&drafts, errors);
        let rules = naming::settle(drafts, item, errors);
        let exempt = exempt(stack, matches!(shape, Shape::Group), errors);
        let inner = inner(stack, item, errors);
        let fields = answer::fields(stack, errors);
        let on_limited = answer::on_limited(stack, errors);
        let single = [Argument::Crate, Argument::Exempt, Argument::Headers, Argument::Inner, Argument::OnLimited];
        once(stack, &single, errors);
        Model { root, shape, rules, exempt, fields, on_limited, inner }
    }
}

impl Class {
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Class::Any => "",
            Class::Read => "-read",
            Class::Write => "-write",
        }
    }
}

fn exempt(stack: &[Arguments], is_group: bool, errors: &mut Errors) -> Vec<String> {
    let mut paths = Vec::new();
    for arguments in stack {
        let Some(list) = arguments.string(Argument::Exempt, errors) else { continue };
        if !is_group {
            errors.at(
                arguments.named(Argument::Exempt).map_or(list.span(), |argument| argument.word.span()),
                "`exempt` belongs to a group: put it on the function that returns the router; \
                 a handler that is not to be limited needs no attribute",
            );
            continue;
        }
        for path in list.value().split(',').map(str::trim) {
            if let Some(reason) = unfit_path(path) {
                errors.on(
                    &list,
                    format!("`exempt` cannot take `{path}`: {reason}; accepted: paths such as \"/health, /static/*\""),
                );
            } else {
                paths.push(path.to_owned());
            }
        }
    }
    paths
}

/// Why the runtime would refuse a path.
fn unfit_path(path: &str) -> Option<&'static str> {
    let plain = path.strip_suffix("/*").unwrap_or(path);
    if !path.starts_with('/') {
        Some("it does not start with `/`")
    } else if path == "/*" {
        Some("it would lift the limit from every path")
    } else if plain.contains('*') {
        Some("`*` stands for everything below a directory and only ends a path")
    } else if plain.contains(|c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '{' | '}')) {
        Some("it has a character that a path does not have")
    } else {
        None
    }
}

fn inner(stack: &[Arguments], item: &Item, errors: &mut Errors) -> Option<Ident> {
    stack.iter().find_map(|arguments| match arguments.value(Argument::Inner, errors)? {
        Value::Path(path) if path.get_ident().is_some_and(|ident| *ident != item.signature.ident) => {
            path.get_ident().cloned()
        }
        Value::Path(path) if path.get_ident().is_some() => {
            errors.on(path, format!("`inner` needs a name of its own: `{}` is the limited function", item.name()));
            None
        }
        value => {
            errors.on(value, arguments.unfit(Argument::Inner, "the name of a new function", value));
            None
        }
    })
}

/// Arguments that are about the function rather than about a rule stand once in a stack.
fn once(stack: &[Arguments], names: &[Argument], errors: &mut Errors) {
    for name in names {
        for repeated in stack.iter().filter_map(|arguments| arguments.named(*name)).skip(1) {
            errors.on(
                &repeated.word,
                format!("`{}` is given by another `#[rate_limit]` of this function; give it once", name.text()),
            );
        }
    }
}
