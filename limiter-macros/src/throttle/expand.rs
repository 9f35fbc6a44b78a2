//! A valid model as code.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::function::result_span;
use super::model::{Limit, Model};
use crate::item::Item;

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
    let (held, refused) = (local("__held"), local("__refused"));
    let refuse = quote_spanned! {result_span(&item)=>
        return ::core::result::Result::Err(::core::convert::From::from(#refused))
    };
    quote! {
        #(#attributes)*
        #visibility #signature {
            #site
            // Kept until the body has ended.
            let #held = match __SITE.acquire(#limiter, #key, #cost).await {
                ::core::result::Result::Ok(#held) => #held,
                ::core::result::Result::Err(#refused) => #refuse,
            };
            #body
        }
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
    let penalty = (model.is_penalised && !is_slot).then(|| quote!(.penalty()));
    let lease = model.lease.filter(|_| is_slot).map(|nanos| quote!(.lease(#nanos)));
    let scope = model.scope.as_ref().map(|scope| quote!(.scope(#scope)));
    let everybody = model.key.is_none().then(|| quote!(.key("global")));
    let on_store_error = model.on_store_error.map(|choice| {
        let variant = variant(choice);
        quote!(.on_store_error(#private::OnStoreError::#variant))
    });
    quote!(#private::Spec::#limit #algorithm #cost #penalty #lease #scope #everybody #on_store_error)
}

fn variant(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A local name that the user's code cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
