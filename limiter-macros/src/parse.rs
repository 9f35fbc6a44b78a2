//! From tokens to arguments: which words are there, and of what kind their values are.
//!
//! A mistake in one argument does not hide those in the others.

use limiter_core::quota::parse_duration;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, Lit, LitInt, LitStr, Path, Token};

use crate::errors::Errors;
use crate::model::is_wire_name;
use crate::names::{Argument, Vocabulary};

/// The arguments of one attribute, each at most once.
pub(crate) struct Arguments {
    pub(crate) vocabulary: &'static Vocabulary,
    /// Where to point when something is missing.
    pub(crate) span: Span,
    /// The positional quota list.
    pub(crate) quotas: Option<LitStr>,
    /// Whether some argument was refused, so that what is missing may be what was meant.
    pub(crate) is_partial: bool,
    named: Vec<(Argument, Given)>,
}

/// A named argument.
pub(crate) struct Given {
    pub(crate) word: Ident,
    pub(crate) value: Option<Value>,
}

/// The value behind `=`.
pub(crate) enum Value {
    Int(LitInt),
    Other(TokenStream),
    Path(Path),
    Str(LitStr),
}

/// Reads arguments with commas between them, and goes on behind those that cannot be read. Whether
/// there were such.
fn separated(
    tokens: TokenStream,
    errors: &mut Errors,
    mut argument: impl FnMut(ParseStream<'_>) -> syn::Result<()>,
) -> bool {
    let mut is_partial = false;
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = argument(input) {
                errors.add(error);
                is_partial = true;
                skip_to_comma(input);
            }
            if !input.is_empty()
                && let Err(error) = input.parse::<Token![,]>()
            {
                let found = found(input);
                errors.at(error.span(), format!("expected `,` between two arguments, found `{found}`"));
                is_partial = true;
                skip_to_comma(input);
                let _ = input.parse::<Option<Token![,]>>();
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.add(error);
    }
    is_partial
}

impl Arguments {
    pub(crate) fn parse(vocabulary: &'static Vocabulary, tokens: TokenStream, span: Span, errors: &mut Errors) -> Self {
        let mut arguments = Arguments { vocabulary, span, quotas: None, is_partial: false, named: Vec::new() };
        arguments.is_partial = separated(tokens, errors, |input| arguments.argument(input));
        arguments
    }

    /// The argument, if it was given.
    pub(crate) fn named(&self, name: Argument) -> Option<&Given> {
        self.named.iter().find(|(known, _)| *known == name).map(|(_, argument)| argument)
    }

    /// Whether the bare word was given.
    pub(crate) fn switch(&self, name: Argument, errors: &mut Errors) -> Option<Ident> {
        let argument = self.named(name)?;
        if let Some(value) = &argument.value {
            let text = name.text();
            errors.on(value, format!("`{text}` is a switch and takes no value; write `{text}` or leave it out"));
        }
        Some(argument.word.clone())
    }

    /// The string of an argument that takes nothing else.
    pub(crate) fn string(&self, name: Argument, errors: &mut Errors) -> Option<LitStr> {
        match self.value(name, errors)? {
            Value::Str(text) => Some(text.clone()),
            value => {
                errors.on(value, self.unfit(name, "a string", value));
                None
            }
        }
    }

    /// The integer of an argument that takes nothing else, up to `most`.
    pub(crate) fn integer(&self, name: Argument, most: u64, errors: &mut Errors) -> Option<(u64, Span)> {
        match self.value(name, errors)? {
            Value::Int(number) => self.read_integer(name, number, most, errors),
            value => {
                errors.on(value, self.unfit(name, "a whole number", value));
                None
            }
        }
    }

    /// Reads an integer that was already recognised as one.
    pub(crate) fn read_integer(
        &self,
        name: Argument,
        number: &LitInt,
        most: u64,
        errors: &mut Errors,
    ) -> Option<(u64, Span)> {
        const TYPES: [&str; 9] = ["", "u8", "u16", "u32", "u64", "usize", "i32", "i64", "u128"];
        let text = name.text();
        if !TYPES.contains(&number.suffix()) {
            let example = self.example(name);
            errors.on(number, format!("`{text}` is a whole number, found `{number}`; accepted: {example}"));
            return None;
        }
        match number.base10_parse::<u64>() {
            Ok(value) if value <= most => Some((value, number.span())),
            _ => {
                errors.on(number, format!("`{text} = {number}` is too large; accepted: up to {most}"));
                None
            }
        }
    }

    /// A time in nanoseconds, not none.
    pub(crate) fn duration(&self, name: Argument, accepted: &str, errors: &mut Errors) -> Option<u64> {
        let (literal, text) = (self.string(name, errors)?, name.text());
        match parse_duration(&literal.value()) {
            Ok(0) => {
                errors.on(&literal, format!("`{text}` leaves no time; accepted: {accepted}"));
                None
            }
            Ok(nanos) => Some(nanos),
            Err(error) => {
                errors.on(&literal, format!("`{text}`: {error}"));
                None
            }
        }
    }

    /// A word that goes on the wire or into a store.
    pub(crate) fn wire_word(&self, name: Argument, errors: &mut Errors) -> Option<LitStr> {
        let text = self.string(name, errors)?;
        if !is_wire_name(&text.value()) {
            let word = name.text();
            errors.on(
                &text,
                format!("`{word}` cannot be {}; accepted: 1 to 64 of A-Z a-z 0-9 . _ ~ : / -", text.token()),
            );
            return None;
        }
        Some(text)
    }

    /// The message for a value of the wrong kind.
    pub(crate) fn unfit(&self, name: Argument, wanted: &str, value: &Value) -> String {
        format!("`{}` takes {wanted}, found {}; accepted: {}", name.text(), value.describe(), self.example(name))
    }

    /// How the argument is written.
    pub(crate) fn example(&self, name: Argument) -> &'static str {
        self.vocabulary.example(name)
    }

    /// The value of an argument that needs one.
    pub(crate) fn value(&self, name: Argument, errors: &mut Errors) -> Option<&Value> {
        let argument = self.named(name)?;
        if argument.value.is_none() {
            errors.on(&argument.word, format!("`{}` needs a value; accepted: {}", name.text(), self.example(name)));
        }
        argument.value.as_ref()
    }

    fn argument(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Lit) {
            return self.positional(input.parse()?);
        }
        if !input.peek(Ident::peek_any) {
            let found = found(input);
            return Err(input.error(format!(
                "expected an argument, found `{found}`; accepted: a quota such as \"100/min\", or one of {}",
                self.vocabulary.all()
            )));
        }
        let word = input.call(Ident::parse_any)?;
        let text = word.unraw().to_string();
        let Some(name) = self.vocabulary.look_up(&text) else {
            let is_bare = input.is_empty() || input.peek(Token![,]);
            let message = self.vocabulary.unknown(&text, if is_bare { "word" } else { "argument" });
            return Err(syn::Error::new_spanned(&word, message));
        };
        let example = self.example(name);
        if !input.is_empty() && !input.peek(Token![=]) && !input.peek(Token![,]) {
            let found = found(input);
            return Err(
                input.error(format!("expected `=` or `,` behind `{word}`, found `{found}`; accepted: {example}"))
            );
        }
        let value = if input.parse::<Option<Token![=]>>()?.is_some() {
            if input.is_empty() || input.peek(Token![,]) {
                let message = format!("`{word}` has no value behind `=`; accepted: {example}");
                return Err(syn::Error::new_spanned(&word, message));
            }
            Some(Value::parse(input)?)
        } else {
            None
        };
        if self.named(name).is_some() {
            return Err(syn::Error::new_spanned(&word, format!("`{word}` is given twice; give it once")));
        }
        self.named.push((name, Given { word, value }));
        Ok(())
    }

    fn positional(&mut self, literal: Lit) -> syn::Result<()> {
        let Lit::Str(text) = literal else {
            let number = literal.to_token_stream().to_string();
            let instead = (self.vocabulary.instead_of_number)(&number);
            let message = format!("`{number}` does not say per what; write a quota such as {instead}");
            return Err(syn::Error::new_spanned(&literal, message));
        };
        if let Some(name) = self.vocabulary.look_up(&text.value()) {
            let message = format!("`{}` stands without quotes; accepted: {}", name.text(), self.example(name));
            return Err(syn::Error::new_spanned(&text, message));
        }
        if let Some(first) = &self.quotas {
            return Err(syn::Error::new_spanned(
                &text,
                format!("a second quota list; put all quotas into one string: \"{}, {}\"", first.value(), text.value()),
            ));
        }
        self.quotas = Some(text);
        Ok(())
    }
}

impl Value {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut expression: Expr = input.parse()?;
        // A macro's fragments arrive in invisible groups.
        while let Expr::Group(group) = expression {
            expression = *group.expr;
        }
        Ok(match expression {
            Expr::Lit(literal) => match literal.lit {
                Lit::Str(text) => Value::Str(text),
                Lit::Int(number) => Value::Int(number),
                other => Value::Other(other.into_token_stream()),
            },
            Expr::Path(path) if path.qself.is_none() => Value::Path(path.path),
            other => Value::Other(other.into_token_stream()),
        })
    }

    /// The value as messages name it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Value::Int(number) => format!("the number `{number}`"),
            Value::Other(tokens) => format!("`{}`", tokens.to_string().replace("- ", "-")),
            Value::Path(path) => format!("the path `{}`", path.to_token_stream().to_string().replace(' ', "")),
            Value::Str(text) => format!("the string `{}`", text.token()),
        }
    }
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Value::Int(number) => number.to_tokens(tokens),
            Value::Other(other) => other.to_tokens(tokens),
            Value::Path(path) => path.to_tokens(tokens),
            Value::Str(text) => text.to_tokens(tokens),
        }
    }
}

/// The next token, for messages.
fn found(input: ParseStream<'_>) -> String {
    input.cursor().token_tree().map(|(token, _)| token.to_string()).unwrap_or_default()
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // A token tree can always be read where the input is not empty.
        if input.parse::<proc_macro2::TokenTree>().is_err() {
            return;
        }
    }
}
