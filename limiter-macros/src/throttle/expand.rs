//! A valid model as code.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::function::{result_span, result_type};
use super::model::{Limit, Model};
use super::outcome::{By, Outcome};
use crate::item::Item;
use crate::model::Mode;

pub(super) fn expand(model: &Model, item: Item) -> TokenStream {
    let root = &model.root;
    let private = quote!(#root::__private::throttle);
    let Item { attributes, visibility, signature, body } = &item;
    let site = site(model, &item, &private);
    let limiter = match &model.limiter {
        Some(limiter) => quote!(::core::option::Option::Some(&#limiter)),
        None => quote!(::core::option::Option::None),
    };
    let key = match &model.key {
        Some(key) => quote!(#private::key(#key)),
        None => quote!(#private::everybody()),
    };
    let cost = match &model.cost_of {
        Some(cost) => quote!(::core::option::Option::Some(#private::cost(#cost))),
        None => quote!(::core::option::Option::None),
    };
    let quota = match &model.quota {
        Some(quota) => quote!(::core::option::Option::Some(#private::quota(#quota))),
        None => quote!(::core::option::Option::None),
    };
    let (held, refused) = (local("__held"), local("__refused"));
    let refuse = quote_spanned! {result_span(&item)=>
        return ::core::result::Result::Err(::core::convert::From::from(#refused))
    };
    let by = model.outcome.as_ref().map(|outcome| &outcome.by);
    let mutable = by.map(|_| quote!(mut));
    let work = by.map_or_else(|| body.to_token_stream(), |by| settled(by, &item, &held, &private));
    quote! {
        #(#attributes)*
        // The body keeps its braces behind what comes before it: without need, if it is one expression.
        #[allow(unused_braces)]
        #visibility #signature {
            #site
            // Kept until the body has ended.
            let #mutable #held = match __SITE.acquire(#limiter, #key, #cost, #quota).await {
                ::core::result::Result::Ok(#held) => #held,
                ::core::result::Result::Err(#refused) => #refuse,
            };
            #work
        }
    }
}

/// The body, with a look at its outcome: whatever ends it, `?` and `return` too, ends no more than it.
fn settled(by: &By, item: &Item, held: &Ident, private: &TokenStream) -> TokenStream {
    let body = &item.body;
    let (outcome, never) = (local("__outcome"), local("__never"));
    // Where to point when what is asked does not fit: the result type, or the user's function.
    let span = match by {
        By::Result(_) => result_span(item),
        By::Counts(function) | By::Cost(function) => Span::call_site().located_at(function.span()),
    };
    let private = located(private, span);
    let settle = match by {
        By::Result(_) => quote_spanned!(span=> #private::settle_result(&mut #held, &#outcome)),
        By::Counts(counts) => quote_spanned!(span=> #private::settle_counted(&mut #held, &#outcome, #counts)),
        By::Cost(cost) => quote_spanned!(span=> #private::settle_cost(&mut #held, &#outcome, #cost)),
    };
    // An async block does not say what it returns: what is never reached does.
    let result = result_type(item);
    quote! {
        let #outcome = async move {
            #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop)]
            if false {
                let #never: #result = loop {};
                return #never;
            }
            #body
        }
        .await;
        #settle;
        #outcome
    }
}

fn site(model: &Model, item: &Item, private: &TokenStream) -> TokenStream {
    let function = item.name();
    let rules = model.limits.iter().enumerate().map(|(number, limit)| {
        let name = match number {
            0 => model.name.clone(),
            number => format!("{}-{}", model.name, number + 1),
        };
        rule(model, &name, *limit, private)
    });
    let max_wait = model.max_wait.map(|nanos| quote!(.max_wait(#nanos)));
    let queue = model.queue.map(|length| quote!(.queue(#length)));
    let newest_first = model.is_newest_first.then(|| quote!(.newest_first()));
    quote! {
        static __SITE: #private::Site =
            #private::Site::new(::core::module_path!(), #function, &[#(#rules),*]) #max_wait #queue #newest_first;
    }
}

fn rule(model: &Model, name: &str, limit: Limit, private: &TokenStream) -> TokenStream {
    let is_slot = matches!(limit, Limit::Concurrent(_));
    let limit = match limit {
        Limit::Concurrent(slots) => quote!(concurrent(#name, #slots)),
        Limit::Rate(quota) => {
            let quota = quota.to_string();
            quote!(quota(#name, #quota))
        }
    };
    let algorithm = model.algorithm.filter(|_| !is_slot).map(|algorithm| {
        let variant = variant(&format!("{algorithm:?}"));
        quote!(.algorithm(#private::Algorithm::#variant))
    });
    let cost = model.cost.map(|cost| quote!(.cost(#cost)));
    let by_call = (model.quota.is_some() && !is_slot).then(|| quote!(.quota_of_call()));
    let settled = model.outcome.as_ref().filter(|_| !is_slot).map(|outcome| settling(outcome, model, private));
    let spaced = (model.is_spaced && !is_slot).then(|| {
        let (places, max_wait) = (model.queue.unwrap_or(u32::MAX), model.max_wait.unwrap_or_default());
        quote!(.spaced(#places, #max_wait))
    });
    let shadow = model.is_shadow.then(|| quote!(.shadow()));
    let penalty = (model.is_penalised && !is_slot).then(|| quote!(.penalty()));
    let lease = model.lease.filter(|_| is_slot).map(|nanos| quote!(.lease(#nanos)));
    let scope = model.scope.as_ref().map(|scope| quote!(.scope(#scope)));
    let everybody = model.key.is_none().then(|| quote!(.key("global")));
    let on_store_error = model.on_store_error.map(|choice| {
        let variant = variant(choice);
        quote!(.on_store_error(#private::OnStoreError::#variant))
    });
    quote! {
        #private::Spec::#limit #by_call #algorithm #cost #settled #spaced #penalty #shadow #lease #scope #everybody
        #on_store_error
    }
}

fn settling(outcome: &Outcome, model: &Model, private: &TokenStream) -> TokenStream {
    let by = match &outcome.by {
        By::Result(word) => quote!(count(#word)),
        By::Counts(_) | By::Cost(_) => quote!(by_handler()),
    };
    let under_way = outcome.under_way;
    let mode = match under_way.mode {
        Some(Mode::Lenient) => {
            let in_flight = under_way.in_flight;
            Some(quote!(.lenient(#in_flight)))
        }
        Some(Mode::Wait) => {
            let (places, max_wait) = (model.queue.unwrap_or_default(), model.max_wait.unwrap_or_default());
            Some(quote!(.wait(#places, #max_wait)))
        }
        Some(Mode::Strict) | None => None,
    };
    let within = under_way.within.map(|nanos| quote!(.within(#nanos)));
    let refund = under_way.is_refunded.then(|| quote!(.refund()));
    quote!(.settled(#private::Settled::#by #mode #within #refund))
}

/// A path as it is, at another place: a path is pointed at from its first word on.
fn located(path: &TokenStream, span: Span) -> TokenStream {
    let place = |mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    };
    path.clone().into_iter().map(place).collect()
}

fn variant(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A local name that the user's code cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
