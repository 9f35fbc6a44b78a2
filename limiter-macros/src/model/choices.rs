//! Strings that choose one of a few.

use super::{Missing, OnStoreError};
use crate::errors::Errors;
use crate::names::{self, Argument};
use crate::parse::Arguments;

/// What becomes of a request without the key; `None` is the engine's own choice.
pub(super) fn missing(arguments: &Arguments, errors: &mut Errors) -> Option<Missing> {
    let known = [("shared", Missing::Shared), ("refuse", Missing::Refuse), ("skip", Missing::Skip)];
    let accepted = "`shared` (all who lack the key share one budget), `refuse`, `skip`";
    choice(arguments, Argument::Missing, &known, accepted, errors)
}

/// What to do when the store fails; `None` is the engine's own choice.
pub(super) fn on_store_error(arguments: &Arguments, errors: &mut Errors) -> Option<OnStoreError> {
    let known = [("local", OnStoreError::Local), ("open", OnStoreError::Open), ("closed", OnStoreError::Closed)];
    let accepted = "`local` (a limiter in this process decides), `open` (every request passes), `closed` (none does)";
    choice(arguments, Argument::OnStoreError, &known, accepted, errors)
}

pub(crate) fn choice<T: Copy>(
    arguments: &Arguments,
    name: Argument,
    known: &[(&'static str, T)],
    accepted: &str,
    errors: &mut Errors,
) -> Option<T> {
    let text = arguments.string(name, errors)?;
    let word = text.value();
    let chosen = known.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
    if chosen.is_none() {
        let meant = names::closest(&word, known.iter().map(|(name, _)| *name));
        let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        errors.on(&text, format!("`{}` knows no choice `{word}`; {meant}accepted: {accepted}", name.text()));
    }
    chosen
}
