//! From tokens to arguments of `#[throttle(..)]`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, Lit, LitInt, LitStr, Token};

use super::words::{self, Word};
use crate::errors::Errors;
use crate::parse::{Value, found, separated};

/// The arguments, each at most once.
#[derive(Default)]
pub(super) struct Arguments {
    /// The positional quota list.
    pub(super) quotas: Option<LitStr>,
    /// Whether some argument was refused, so that what is missing may be what was meant.
    pub(super) is_partial: bool,
    named: Vec<(Word, Ident, Option<Value>)>,
}

impl Arguments {
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut arguments = Arguments::default();
        arguments.is_partial = separated(tokens, errors, |input| arguments.argument(input));
        arguments
    }

    fn argument(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Lit) {
            return self.positional(input.parse()?);
        }
        if !input.peek(Ident::peek_any) {
            let found = found(input);
            return Err(input.error(format!(
                "expected an argument, found `{found}`; accepted: a quota such as \"100/min\", or one of {}",
                words::all()
            )));
        }
        let ident = input.call(Ident::parse_any)?;
        let word =
            words::look_up(&ident.unraw().to_string()).map_err(|message| syn::Error::new_spanned(&ident, message))?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() {
            if input.is_empty() || input.peek(Token![,]) {
                let message = format!("`{ident}` has no value behind `=`; accepted: {}", word.example());
                return Err(syn::Error::new_spanned(&ident, message));
            }
            Some(Value::parse(input)?)
        } else {
            None
        };
        if self.word(word).is_some() {
            return Err(syn::Error::new_spanned(&ident, format!("`{ident}` is given twice; give it once")));
        }
        self.named.push((word, ident, value));
        Ok(())
    }

    fn positional(&mut self, literal: Lit) -> syn::Result<()> {
        let Lit::Str(text) = literal else {
            let number = literal.to_token_stream();
            let message = format!("`{number}` does not say per what; write a quota such as \"{number}/min\"");
            return Err(syn::Error::new_spanned(&literal, message));
        };
        if let Some(first) = &self.quotas {
            let both = format!("{}, {}", first.value(), text.value());
            let message = format!("a second quota list; put all quotas into one string: \"{both}\"");
            return Err(syn::Error::new_spanned(&text, message));
        }
        self.quotas = Some(text);
        Ok(())
    }

    /// The word as it was written, if it was.
    pub(super) fn word(&self, word: Word) -> Option<&Ident> {
        self.named.iter().find(|(known, ..)| *known == word).map(|(_, ident, _)| ident)
    }

    /// The value of an argument that needs one.
    pub(super) fn value(&self, word: Word, errors: &mut Errors) -> Option<&Value> {
        let (_, ident, value) = self.named.iter().find(|(known, ..)| *known == word)?;
        if value.is_none() {
            errors.on(ident, format!("`{ident}` needs a value; accepted: {}", word.example()));
        }
        value.as_ref()
    }

    /// Whether the bare word was given.
    pub(super) fn switch(&self, word: Word, errors: &mut Errors) -> Option<&Ident> {
        let (_, ident, value) = self.named.iter().find(|(known, ..)| *known == word)?;
        if let Some(value) = value {
            errors.on(value, format!("`{ident}` is a switch and takes no value; write `{ident}` or leave it out"));
        }
        Some(ident)
    }

    pub(super) fn string(&self, word: Word, errors: &mut Errors) -> Option<&LitStr> {
        match self.value(word, errors)? {
            Value::Str(text) => Some(text),
            value => {
                errors.on(value, unfit(word, "a string", value));
                None
            }
        }
    }

    /// A whole number from 1 up to what 32 bits hold.
    pub(super) fn number(&self, word: Word, errors: &mut Errors) -> Option<(u32, &LitInt)> {
        match self.value(word, errors)? {
            Value::Int(literal) => match literal.base10_parse::<u32>() {
                Ok(0) => {
                    errors.on(literal, format!("`{}` of 0 admits nothing; accepted: 1 or more", word.text()));
                    None
                }
                Ok(number) => Some((number, literal)),
                Err(_) => {
                    errors.on(
                        literal,
                        format!("`{}` takes a whole number up to {}, found `{literal}`", word.text(), u32::MAX),
                    );
                    None
                }
            },
            value => {
                errors.on(value, unfit(word, "a whole number", value));
                None
            }
        }
    }
}

/// The message for a value of the wrong kind.
pub(super) fn unfit(word: Word, wanted: &str, value: &Value) -> String {
    format!("`{}` takes {wanted}, found {}; accepted: {}", word.text(), value.describe(), word.example())
}
