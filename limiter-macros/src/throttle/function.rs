//! The throttled function: whether it can be, and what its arguments are called.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, FnArg, GenericArgument, Ident, Pat, Path, PathArguments, ReturnType, Type};

use crate::errors::Errors;
use crate::item::Item;
use crate::names::Argument;
use crate::parse::{Arguments, Value};

/// Looks at the function.
pub(super) fn check(item: &Item, errors: &mut Errors) {
    let signature = &item.signature;
    if signature.asyncness.is_none() {
        errors.at(
            signature.fn_token.span(),
            "`#[throttle]` needs an `async fn`: it may have to wait; for others there is `Limiter::try_acquire`",
        );
    }
    match &signature.output {
        ReturnType::Default => errors.at(
            item.name_span(),
            "a throttled function returns a `Result`, since a call may be refused; its error type converts from \
             `RateLimitExceeded`",
        ),
        ReturnType::Type(_, ty) => {
            if let Type::ImplTrait(_) | Type::Never(_) = **ty {
                errors.on(
                    ty,
                    "a throttled function names the `Result` that it returns, since a call may be refused; its error \
                     type converts from `RateLimitExceeded`",
                );
            }
        }
    }
}

/// What is blamed for a result that cannot refuse.
pub(super) fn result_span(item: &Item) -> Span {
    let span = match &item.signature.output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::Path(path) => path.path.segments.last().map_or_else(|| ty.span(), |segment| segment.ident.span()),
            _ => ty.span(),
        },
        ReturnType::Default => item.name_span(),
    };
    Span::call_site().located_at(span)
}

/// What the function returns, as a local can be declared: what is not named there is inferred.
pub(super) fn result_type(item: &Item) -> TokenStream {
    match &item.signature.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => {
            let mut ty = (**ty).clone();
            leave_out_impl(&mut ty);
            ty.into_token_stream()
        }
    }
}

fn leave_out_impl(ty: &mut Type) {
    match ty {
        Type::ImplTrait(_) => *ty = syn::parse_quote!(_),
        Type::Path(path) => {
            let arguments = path.path.segments.iter_mut().filter_map(|segment| match &mut segment.arguments {
                PathArguments::AngleBracketed(arguments) => Some(arguments),
                _ => None,
            });
            for argument in arguments.flat_map(|arguments| &mut arguments.args) {
                if let GenericArgument::Type(ty) = argument {
                    leave_out_impl(ty);
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(leave_out_impl),
        Type::Reference(reference) => leave_out_impl(&mut reference.elem),
        Type::Array(array) => leave_out_impl(&mut array.elem),
        Type::Paren(paren) => leave_out_impl(&mut paren.elem),
        Type::Group(group) => leave_out_impl(&mut group.elem),
        _ => {}
    }
}

/// The names of the arguments, `self` left out; `None` for a pattern.
fn names(item: &Item) -> Vec<Option<&Ident>> {
    let names = item.signature.inputs.iter().filter_map(|input| match input {
        FnArg::Receiver(_) => None,
        FnArg::Typed(argument) => Some(match &*argument.pat {
            Pat::Ident(name) if name.subpat.is_none() => Some(&name.ident),
            _ => None,
        }),
    });
    names.collect()
}

/// An expression that is worked out from the arguments: the name of one, a function of references to
/// all, or a closure over the first of them.
pub(super) fn of_arguments(
    arguments: &Arguments,
    name: Argument,
    item: &Item,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let value = arguments.value(name, errors)?;
    let unfit = || arguments.unfit(name, "an argument's name or a function of the arguments", value);
    match value {
        Value::Path(path) => match path.get_ident() {
            Some(ident) if names(item).contains(&Some(ident)) => {
                Some(quote_spanned!(ident.span()=> ::core::clone::Clone::clone(&#ident)))
            }
            Some(ident) if ident == "self" => Some(quote!(#ident)),
            _ => call(path, item, errors),
        },
        Value::Other(tokens) => match syn::parse2::<Expr>(tokens.clone()) {
            Ok(Expr::Closure(closure)) => bound(name, &closure, item, errors),
            Ok(expression @ (Expr::Field(_) | Expr::MethodCall(_) | Expr::Tuple(_))) => {
                Some(expression.into_token_stream())
            }
            _ => {
                errors.on(value, unfit());
                None
            }
        },
        _ => {
            errors.on(value, unfit());
            None
        }
    }
}

fn call(path: &Path, item: &Item, errors: &mut Errors) -> Option<TokenStream> {
    let names = names(item);
    if names.contains(&None) {
        errors.on(
            path,
            "a function of the arguments is passed each of them by name, and one of this function has a pattern in \
             its place; name it, and take it apart inside",
        );
        return None;
    }
    Some(quote_spanned!(path.span()=> #path(#(&#names),*)))
}

/// A closure as a block: its parameters are references to the arguments of the same places. Called as
/// a closure it would have to name their types.
fn bound(word: Argument, closure: &ExprClosure, item: &Item, errors: &mut Errors) -> Option<TokenStream> {
    let names = names(item);
    let mut bindings = Vec::new();
    for (place, pattern) in closure.inputs.iter().enumerate() {
        match pattern {
            Pat::Rest(_) if place + 1 == closure.inputs.len() => {}
            Pat::Rest(_) => {
                errors.on(pattern, "`..` stands last: it leaves out the arguments behind those that are named");
                return None;
            }
            Pat::Wild(_) if place < names.len() => {}
            _ => match names.get(place) {
                Some(Some(name)) => bindings.push(quote_spanned!(pattern.span()=> let #pattern = &#name;)),
                Some(None) => {
                    errors.on(pattern, "the argument in this place is a pattern; name it, and take it apart inside");
                    return None;
                }
                None => {
                    let count = names.len();
                    let text = word.text();
                    errors.on(
                        pattern,
                        format!("`{text}` names an argument that `{}` does not have: it has {count}", item.name()),
                    );
                    return None;
                }
            },
        }
    }
    let stated = closure.inputs.iter().filter(|pattern| !matches!(pattern, Pat::Rest(_))).count();
    let has_rest = stated < closure.inputs.len();
    if !has_rest && stated < names.len() {
        errors.on(
            closure,
            format!(
                "`{}` has {} arguments; add `..` for those that are left out: `|.., ..|`",
                item.name(),
                names.len()
            ),
        );
        return None;
    }
    let body = &closure.body;
    Some(quote_spanned!(closure.body.span()=> { #(#bindings)* #body }))
}
