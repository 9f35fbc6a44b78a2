//! What answers look like: which fields they carry, and who writes a refusal.

use syn::Path;

use super::Fields;
use crate::errors::Errors;
use crate::names::{self, Argument};
use crate::parse::{Arguments, Value};

/// A word of `headers`, and the variant it stands for.
const FAMILIES: [(&str, &str); 3] = [("draft-11", "Draft11"), ("draft-07", "Draft07"), ("draft-06", "Draft06")];
const LEGACIES: [(&str, &str); 2] = [("legacy", "Epoch"), ("legacy-delta", "Delta")];
const NONE: &str = "off";

/// The fields that `headers` names, and no others.
pub(super) fn fields(stack: &[Arguments], errors: &mut Errors) -> Option<Fields> {
    let list = stack.iter().find_map(|arguments| arguments.string(Argument::Headers, errors))?;
    let text = list.value();
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let mut fields = Fields { family: "Off", legacy: "Off" };
    for word in &words {
        let slot = if let Some((_, variant)) = FAMILIES.iter().find(|(name, _)| name == word) {
            (&mut fields.family, *variant)
        } else if let Some((_, variant)) = LEGACIES.iter().find(|(name, _)| name == word) {
            (&mut fields.legacy, *variant)
        } else if *word == NONE {
            if words.len() > 1 {
                errors.on(&list, "`off` stands alone: `headers = \"off\"`, or the families to be sent");
                return None;
            }
            continue;
        } else {
            errors.on(&list, unknown(word));
            return None;
        };
        let (chosen, variant) = slot;
        if *chosen != "Off" {
            errors.on(
                &list,
                format!("`{word}` shares its field names with another family of the list; keep one of them"),
            );
            return None;
        }
        *chosen = variant;
    }
    Some(fields)
}

fn unknown(word: &str) -> String {
    let all = || FAMILIES.iter().chain(&LEGACIES).map(|(name, _)| *name).chain([NONE]);
    let meant = names::closest(word, all()).map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    let accepted = all().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    format!("`headers` knows no family `{word}`; {meant}accepted: {accepted}")
}

/// The function that answers refused requests.
pub(super) fn on_limited(stack: &[Arguments], errors: &mut Errors) -> Option<Path> {
    stack.iter().find_map(|arguments| match arguments.value(Argument::OnLimited, errors)? {
        Value::Path(path) => Some(path.clone()),
        value => {
            errors.on(value, arguments.unfit(Argument::OnLimited, "the path of a function", value));
            None
        }
    })
}
