//! From a valid model to code: calls into the runtime, no logic. Nothing here can fail.
//!
//! Every path is absolute, and every name that is not the user's begins with `__`.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, GenericParam, ReturnType, Type};

use crate::item::{Item, is_named};
use crate::model::{By, Class, Cost, Key, Limit, Model, Outcome, Queue, Rule, Settling, Shape};

/// Told to attributes below: a `#[rate_limit]` that reads this goes by another name and could not
/// be merged.
pub(crate) const MARK: &str = "limiter: inner function";

/// Emits the limited function.
pub(crate) fn expand(model: &Model, item: Item) -> TokenStream {
    let (outer, inner): (Vec<_>, Vec<_>) = item.attributes.iter().partition(|a| is_outer(a));
    let site = site(model, &item);
    let private = private(model);
    let visibility = &item.visibility;
    let name = &item.signature.ident;
    let (async_token, fn_token) = (&item.signature.asyncness, &item.signature.fn_token);
    let target = model.inner.as_ref().unwrap_or(name);
    let span = result_span(&item);
    let untouched = untouched(model, &item, &outer, &inner);
    let (beside, within) =
        if model.inner.is_some() { (untouched, None) } else { (TokenStream::new(), Some(untouched)) };
    match &model.shape {
        Shape::Handler { extractors } => {
            let (last, parts) = match extractors.split_last() {
                Some((last, parts)) => (Some(last), parts),
                None => (None, extractors.as_slice()),
            };
            let method = if last.is_some() { quote!(__M) } else { quote!(()) };
            let method_parameter = last.map(|_| quote!(, __M: 'static));
            let bounds = parts
                .iter()
                .map(|ty| bound(ty, quote!(#private::FromRequestParts<__S>)))
                .chain(last.map(|ty| bound(ty, quote!(#private::FromRequest<__S, __M>))));
            let arguments: Vec<_> = (0..extractors.len()).map(|i| respanned(&local(&format!("__{i}")), span)).collect();
            let call = local("__call");
            let (call_here, target) = (respanned(&call, span), respanned(target, span));
            let called =
                quote_spanned!(span=> #call_here.through(&__SITE, |(#(#arguments,)*)| #target(#(#arguments),*)).await);
            let body = body(&item, quote!(#within #site #called));
            quote! {
                #beside
                #(#outer)*
                #[allow(private_bounds)]
                #visibility #async_token #fn_token #name<__S #method_parameter>(#call: #private::Call<__S, #method>) -> #private::Response
                where
                    __S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
                    #(#bounds,)*
                #body
            }
        }
        Shape::Group => {
            let generics = &item.signature.generics;
            let constraints = &generics.where_clause;
            let output = &item.signature.output;
            let (arguments, types) = arguments(&item);
            let chosen = chosen(&item);
            let target = respanned(target, span);
            let limited = placed(quote!(#private::limited), span);
            let call = quote_spanned!(span=> #limited(#target #chosen (#(#arguments),*), &__SITE));
            let body = body(&item, quote!(#within #site #call));
            quote! {
                #beside
                #(#outer)*
                #visibility #fn_token #name #generics(#(#arguments: #types),*) #output #constraints #body
            }
        }
    }
}

/// A body between the user's own braces: a function that ends in generated code is not theirs to
/// the compiler, which would not say then that nobody calls it.
fn body(item: &Item, tokens: TokenStream) -> Group {
    let mut body = Group::new(Delimiter::Brace, tokens);
    body.set_span(item.body.span());
    body
}

/// The name as it was written, blamed on another place.
fn respanned(name: &Ident, span: Span) -> Ident {
    let mut name = name.clone();
    name.set_span(span.resolved_at(name.span()));
    name
}

/// Tokens of ours, blamed on another place.
fn placed(tokens: TokenStream, span: Span) -> TokenStream {
    let place = |mut token: TokenTree| {
        token.set_span(span.resolved_at(token.span()));
        token
    };
    tokens.into_iter().map(place).collect()
}

/// A local name that the user's code cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The place of user code, with the names of ours: user code may come out of a macro of its own.
fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// What is blamed for a result that is no response, no router, or not `Send`.
fn result_span(item: &Item) -> Span {
    at(match &item.signature.output {
        ReturnType::Default => item.name_span(),
        ReturnType::Type(_, ty) => type_span(ty),
    })
}

/// The word that says most about a type; spans of several tokens cannot be joined here.
fn type_span(ty: &Type) -> Span {
    match ty {
        Type::Path(path) => path.path.segments.last().map_or_else(|| ty.span(), |segment| segment.ident.span()),
        Type::Reference(reference) => type_span(&reference.elem),
        _ => ty.span(),
    }
}

fn private(model: &Model) -> TokenStream {
    let root = &model.root;
    quote!(#root::__private)
}

/// The user's function with the attributes that act on it, under its own name inside the limited
/// one, or beside it under the name of `inner`.
fn untouched(model: &Model, item: &Item, outer: &[&Attribute], inner: &[&Attribute]) -> TokenStream {
    let mut signature = item.signature.clone();
    let body = &item.body;
    // Attributes of unknown macros may be ours by another name.
    let mark =
        inner.iter().any(|a| !is_named(a, "inline") && !is_named(a, "track_caller")).then(|| quote!(#[doc = #MARK]));
    match &model.inner {
        Some(name) => {
            signature.ident = name.clone();
            let visibility = &item.visibility;
            let cfgs = outer.iter().filter(|a| !is_named(a, "must_use") && !is_named(a, "deprecated"));
            quote!(#(#cfgs)* #(#inner)* #mark #visibility #signature #body)
        }
        None => quote!(#(#inner)* #mark #signature #body),
    }
}

/// Attributes of the limited function; lints reach the inner one from there. All others act on the
/// inner function.
fn is_outer(attribute: &Attribute) -> bool {
    const OUTER: [&str; 9] = ["allow", "cfg", "deny", "deprecated", "doc", "expect", "forbid", "must_use", "warn"];
    OUTER.iter().any(|name| attribute.path().is_ident(name))
}

/// One bound, where the type stands, so that the compiler names the argument.
fn bound(ty: &Type, of: TokenStream) -> TokenStream {
    let of = placed(of, type_span(ty));
    quote!(#ty: #of)
}

fn site(model: &Model, item: &Item) -> TokenStream {
    let private = private(model);
    let name = item.name();
    let rules = model.rules.iter().map(|rule| spec(rule, &private));
    let exempt = (!model.exempt.is_empty()).then(|| {
        let paths = &model.exempt;
        quote!(.exempt(&[#(#paths),*]))
    });
    let headers = model.fields.map(|fields| {
        let [family, legacy] = [fields.family, fields.legacy].map(|variant| Ident::new(variant, Span::call_site()));
        quote!(.headers(#private::Family::#family, #private::Legacy::#legacy))
    });
    let on_limited = model.on_limited.as_ref().map(|path| {
        let span = at(path.span());
        let (denial, answer) = (respanned(&local("__denial"), span), placed(quote!(#private::answer), span));
        let answered = quote_spanned!(span=> #answer(#path(#denial)));
        quote!(.on_limited(|#denial| #answered))
    });
    quote! {
        static __SITE: #private::Site =
            #private::Site::new(::core::module_path!(), #name, &[#(#rules),*])#exempt #headers #on_limited;
    }
}

fn spec(rule: &Rule, private: &TokenStream) -> TokenStream {
    let name = &rule.name;
    let limit = match rule.limit {
        Limit::Concurrent(slots) => quote!(concurrent(#name, #slots)),
        Limit::Rate(quota) => {
            let quota = quota.to_string();
            quote!(quota(#name, #quota))
        }
    };
    let class = match rule.class {
        Class::Any => None,
        Class::Read => Some(quote!(.read())),
        Class::Write => Some(quote!(.write())),
    };
    let algorithm = rule.algorithm.map(|algorithm| {
        let variant = Ident::new(&format!("{algorithm:?}"), Span::call_site());
        quote!(.algorithm(#private::Algorithm::#variant))
    });
    let key = rule.key.as_ref().map(|key| match key {
        Key::Notation(text) => quote!(.key(#text)),
        Key::Function(path) => {
            let span = at(path.span());
            let make = placed(quote!(#private::key_source), span);
            let source = quote_spanned!(span=> #make(#path));
            quote!(.key_fn(|| #source))
        }
    });
    let trusted = rule.is_trusted.then(|| quote!(.trusted_key()));
    let missing = rule.missing.map(|missing| {
        let variant = Ident::new(&format!("{missing:?}"), Span::call_site());
        quote!(.missing(#private::Missing::#variant))
    });
    let cost = rule.cost.as_ref().map(|cost| match cost {
        Cost::Fixed(cost) => quote!(.cost(#cost)),
        Cost::Function(path) => quote!(.cost_fn(#path)),
    });
    let quota = rule.quota.as_ref().map(|path| quote!(.quota_fn(#path)));
    let penalty = rule.is_penalised.then(|| quote!(.penalty()));
    let outcome = rule.outcome.as_ref().map(|outcome| settled(outcome, private));
    let queue = rule.queue.map(|Queue { places, max_wait, is_spaced }| {
        let name = if is_spaced { quote!(spaced) } else { quote!(queue) };
        quote!(.#name(#places, #max_wait))
    });
    let shadow = rule.is_shadow.then(|| quote!(.shadow()));
    let on_store_error = rule.on_store_error.map(|choice| {
        let variant = Ident::new(&format!("{choice:?}"), Span::call_site());
        quote!(.on_store_error(#private::OnStoreError::#variant))
    });
    let scope = rule.scope.as_ref().map(|scope| quote!(.scope(#scope)));
    quote!(#private::Spec::#limit #quota #class #algorithm #key #trusted #missing #cost #penalty #shadow #outcome #queue #on_store_error #scope)
}

fn settled(outcome: &Outcome, private: &TokenStream) -> TokenStream {
    let by = match &outcome.by {
        By::Counts(path) => quote!(count_fn(#path)),
        By::Cost(path) => quote!(cost_fn(#path)),
        By::Handler => quote!(by_handler()),
        By::Statuses(text) => quote!(count(#text)),
    };
    let settling = match outcome.settling {
        Settling::Lenient(in_flight) => Some(quote!(.lenient(#in_flight))),
        Settling::Strict => None,
        Settling::Wait(Queue { places, max_wait, .. }) => Some(quote!(.wait(#places, #max_wait))),
    };
    let within = outcome.within.map(|nanos| quote!(.within(#nanos)));
    let refund = outcome.is_refunded.then(|| quote!(.refund()));
    quote!(.settled(#private::Settled::#by #settling #within #refund))
}

/// Names and types of a group's arguments.
fn arguments(item: &Item) -> (Vec<Ident>, Vec<&Type>) {
    item.signature
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(argument) => Some(&*argument.ty),
            FnArg::Receiver(_) => None,
        })
        .enumerate()
        .map(|(i, ty)| (local(&format!("__{i}")), ty))
        .unzip()
}

/// The generic arguments of a group, handed on to the inner function.
fn chosen(item: &Item) -> Option<TokenStream> {
    let parameters: Vec<_> = item
        .signature
        .generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Const(parameter) => Some(parameter.ident.to_token_stream()),
            GenericParam::Type(parameter) => Some(parameter.ident.to_token_stream()),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    (!parameters.is_empty()).then(|| quote!(::<#(#parameters),*>))
}
