//! What kind of function it is, and whether such a one can be limited.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{FnArg, Safety};
use syn::{GenericParam, ReturnType, Type};

use super::Shape;
use crate::errors::Errors;
use crate::item::{Item, is_named, name_span};

/// The most extractors that axum hands to a handler.
const MOST_EXTRACTORS: usize = 16;

/// Looks at the function.
pub(super) fn shape(item: &Item, errors: &mut Errors) -> Shape {
    attributes(item, errors);
    qualifiers(item, errors);
    if item.signature.asyncness.is_some() {
        handler(item, errors)
    } else {
        group(item, errors);
        Shape::Group
    }
}

fn attributes(item: &Item, errors: &mut Errors) {
    for attribute in &item.attributes {
        let first = attribute.path().segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let span = name_span(attribute);
        if first == "utoipa" {
            errors.at(span, "`#[utoipa::path]` reads the handler's arguments; put it above `#[rate_limit]`");
        } else if is_named(attribute, "test") || is_named(attribute, "rstest") {
            errors.at(span, "a test is not called by a router; limit the handler that it tests");
        } else if is_named(attribute, "main") {
            errors
                .at(span, "`main` is not called by a router; limit a handler, or the function that returns the router");
        } else if attribute.path().is_ident("doc")
            && attribute.to_token_stream().to_string().contains(crate::expand::MARK)
        {
            errors.at(
                Span::call_site(),
                "this stands below a `#[rate_limit]` of another name, and the two cannot be merged; use one name for both",
            );
        }
    }
}

fn qualifiers(item: &Item, errors: &mut Errors) {
    let signature = &item.signature;
    if let Some(word) = &signature.constness {
        errors.on(word, "a `const fn` cannot be limited: a limit is kept while the program runs; remove `const`");
    }
    if let Safety::Unsafe(word) = &signature.safety {
        errors.on(word, "an `unsafe fn` cannot be limited: the router calls it and can promise nothing; call it from a safe handler");
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi, "an `extern` function cannot be limited; call it from a handler");
    }
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.on(
                receiver,
                "a method cannot be limited: routers call free functions; write an `async fn` that takes the value \
                 as `State<..>` and calls the method",
            ),
            FnArg::Typed(argument) => {
                let conditions = argument.attrs.iter().filter(|a| is_named(a, "cfg") || is_named(a, "cfg_attr"));
                for condition in conditions {
                    errors.on(
                        condition,
                        "an argument under `cfg` cannot be limited; put the `cfg` on the function, and write one for each case",
                    );
                }
            }
        }
    }
    let tokens = signature.inputs.to_token_stream().into_iter().chain(signature.output.to_token_stream());
    let mut found = None;
    find_word(tokens.chain([TokenTree::Group(item.body.clone())]).collect(), "Self", &mut found);
    // In a method `self` was named already.
    if let Some(word) = found
        && signature.receiver().is_none()
    {
        errors.at(word.span(), "`Self` is not known inside a limited function; name the type");
    }
}

fn handler(item: &Item, errors: &mut Errors) -> Shape {
    let name = item.name();
    for parameter in &item.signature.generics.params {
        let (kind, ident) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(parameter) => ("type", &parameter.ident),
            GenericParam::Const(parameter) => ("constant", &parameter.ident),
        };
        errors.on(
            ident,
            format!(
                "a handler generic over the {kind} `{ident}` cannot be limited: nothing at `get({name})` says what `{ident}` is; \
                 write a limited handler for each {kind} that calls the generic function"
            ),
        );
    }
    let mut extractors = Vec::new();
    for (index, input) in item.signature.inputs.iter().enumerate() {
        let FnArg::Typed(argument) = input else { continue };
        if index == MOST_EXTRACTORS {
            errors.on(
                &argument.ty,
                format!(
                    "a handler takes up to {MOST_EXTRACTORS} extractors, this is one more; put several into a type \
                     that derives `FromRequestParts`"
                ),
            );
        }
        let mut generic = None;
        find_word(argument.ty.to_token_stream(), "impl", &mut generic);
        if let Some(word) = generic {
            errors.at(
                word.span(),
                format!("`impl` in an argument makes `{name}` generic; name the type of the extractor"),
            );
        }
        let mut binder = None;
        find_word(argument.ty.to_token_stream(), "for", &mut binder);
        // Lifetimes that the type binds itself (`dyn for<'a> Fn(&'a str)`) are no part of the signature.
        let ty = match binder {
            Some(_) => Ok((*argument.ty).clone()),
            None => syn::parse2::<Type>(outlived(argument.ty.to_token_stream())),
        };
        match ty {
            Ok(ty) => extractors.push(ty),
            Err(error) => errors.add(error),
        }
    }
    Shape::Handler { extractors }
}

fn group(item: &Item, errors: &mut Errors) {
    let name = item.name();
    match &item.signature.output {
        ReturnType::Default => errors.at(
            item.name_span(),
            format!(
                "`{name}` is neither a handler nor a group: a handler is an `async fn`, and a group is an `fn` that \
                 returns an `axum::Router`; this one returns nothing"
            ),
        ),
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => {
            errors.at(ty.span(), format!("`{name}` never returns, so there is no router to limit"));
        }
        ReturnType::Type(..) => {}
    }
    for input in &item.signature.inputs {
        if let FnArg::Typed(argument) = input {
            let mut generic = None;
            find_word(argument.ty.to_token_stream(), "impl", &mut generic);
            if let Some(word) = generic {
                errors.at(
                    word.span(),
                    format!("`impl` in an argument of `{name}`; give the type a name: `fn {name}<T: ..>(..)`"),
                );
            }
        }
    }
}

/// The type with every lifetime as `'static`: an extractor is made from the request and owns what
/// it holds, and a bound cannot leave a lifetime out.
fn outlived(tokens: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    let mut after_word = false;
    while let Some(token) = tokens.next() {
        let is_word = matches!(token, TokenTree::Ident(_));
        match token {
            // A lifetime is a quote and a word.
            TokenTree::Punct(quote) if quote.as_char() == '\'' => {
                let span = tokens.next().map_or(quote.span(), |word| word.span());
                syn::Lifetime::new("'static", span).to_tokens(&mut out);
            }
            TokenTree::Punct(ampersand) if ampersand.as_char() == '&' => {
                let span = ampersand.span();
                ampersand.to_tokens(&mut out);
                if !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '\'') {
                    syn::Lifetime::new("'static", span).to_tokens(&mut out);
                }
            }
            // `Fn(&str)` and `fn(&str)` bind their own lifetimes, and braces hold a constant.
            TokenTree::Group(group) if after_word || group.delimiter() == proc_macro2::Delimiter::Brace => {
                group.to_tokens(&mut out);
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), outlived(group.stream()));
                inner.set_span(group.span());
                inner.to_tokens(&mut out);
            }
            other => other.to_tokens(&mut out),
        }
        after_word = is_word;
    }
    out
}

/// The first `word` in the tokens, however deep. An `impl` or `trait` inside a body has a `Self` of
/// its own, so braces are not looked into behind those.
fn find_word(tokens: TokenStream, word: &str, found: &mut Option<Ident>) {
    let mut own_self = false;
    for token in tokens {
        if found.is_some() {
            return;
        }
        match token {
            TokenTree::Ident(ident) if ident == word => *found = Some(ident),
            TokenTree::Ident(ident) if matches!(ident.to_string().as_str(), "impl" | "trait" | "struct" | "enum") => {
                own_self = true;
            }
            TokenTree::Group(group) if own_self && group.delimiter() == proc_macro2::Delimiter::Brace => {
                own_self = false
            }
            TokenTree::Group(group) => find_word(group.stream(), word, found),
            TokenTree::Punct(punct) if punct.as_char() == ';' => own_self = false,
            _ => {}
        }
    }
}
