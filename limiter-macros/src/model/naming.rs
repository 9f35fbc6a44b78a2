//! The public names of rules: `name`, or the function's, with what tells rules of one base apart.

use super::Rule;
use super::rule::Draft;
use crate::errors::Errors;
use crate::item::Item;

/// The most rules that one policy holds.
const MOST_RULES: usize = 16;

/// Settles names and scopes, and with them the rules.
pub(super) fn settle(drafts: Vec<Draft>, item: &Item, errors: &mut Errors) -> Vec<Rule> {
    if drafts.len() > MOST_RULES {
        errors.at(
            item.name_span(),
            format!("`{}` has {} rules; accepted: up to {MOST_RULES}", item.name(), drafts.len()),
        );
    }
    check_names(&drafts, item, errors);
    let mut rules: Vec<Rule> = Vec::new();
    for draft in drafts {
        let base = draft.name.as_ref().map_or_else(|| item.name(), syn::LitStr::value);
        let suffix = draft.class.suffix();
        let name = numbered(format!("{base}{suffix}"), |name| rules.iter().any(|rule| rule.name == *name));
        // Rules of one scope share a budget, so what is to be counted apart is told apart here too.
        let scope = draft.scope.as_ref().map(|scope| {
            let scope = format!("{}{suffix}", scope.value());
            numbered(scope, |scope| rules.iter().any(|rule| rule.scope.as_ref() == Some(scope)))
        });
        rules.push(Rule {
            name,
            scope,
            limit: draft.limit,
            quota: draft.quota,
            class: draft.class,
            algorithm: draft.algorithm,
            missing: draft.missing,
            key: draft.key,
            is_trusted: draft.is_trusted,
            cost: draft.cost,
            is_penalised: draft.is_penalised,
            outcome: draft.outcome,
            queue: draft.queue,
            is_shadow: draft.is_shadow,
            on_store_error: draft.on_store_error,
        });
    }
    rules
}

/// Whether HTTP and metrics can carry the name.
pub(crate) fn is_wire_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~:/-".contains(&b))
}

fn check_names(drafts: &[Draft], item: &Item, errors: &mut Errors) {
    let function = item.name();
    // Room for `-write` and a number.
    let is_fit = is_wire_name(&function) && function.len() <= 64 - "-write-16".len();
    if !is_fit && drafts.iter().any(|draft| draft.name.is_none()) {
        errors.at(
            item.name_span(),
            format!("`{function}` cannot be a rule's name on the wire; give it one: `name = \"..\"`, up to 64 of A-Z a-z 0-9 . _ ~ : / -"),
        );
    }
    for (index, draft) in drafts.iter().enumerate() {
        let Some(name) = &draft.name else { continue };
        let is_taken = |other: &&Draft| {
            other.attribute < draft.attribute
                && other.class == draft.class
                && other.name.as_ref().map_or_else(|| function.clone(), syn::LitStr::value) == name.value()
        };
        let is_first = !drafts[..index].iter().any(|other| other.attribute == draft.attribute);
        if is_first && drafts.iter().any(|other| is_taken(&other)) {
            errors.on(name, format!("another rule of this function is named {}; give each its own name", name.token()));
        }
    }
}

/// `text`, or the first of `text-2`, `text-3`, .. that is free.
fn numbered(text: String, is_taken: impl Fn(&String) -> bool) -> String {
    if !is_taken(&text) {
        return text;
    }
    let mut number = 2_u32;
    loop {
        let next = format!("{text}-{number}");
        if !is_taken(&next) {
            return next;
        }
        number = number.saturating_add(1);
    }
}
