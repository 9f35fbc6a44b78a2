//! The attributes `#[rate_limit]` and `#[throttle]`. Use them through `limiter-tower`, which documents them and has the
//! runtime that generated code calls.
//!
//! | file | role |
//! |---|---|
//! | `item.rs` | the annotated function: signature parsed, body as tokens |
//! | `parse.rs` | tokens to arguments |
//! | `names.rs` | the arguments' words, and what was probably meant |
//! | `model/` | arguments to rules; finds every mistake that can be seen without types |
//! | `path.rs` | the path of the runtime crate |
//! | `expand.rs` | a valid model to code |
//! | `errors.rs` | mistakes, collected |
//! | `throttle/` | the same for `#[throttle]`, whose arguments are about calls instead of requests |

mod errors;
mod expand;
mod item;
mod model;
mod names;
mod parse;
mod path;
#[cfg(test)]
mod scraps;
#[cfg(test)]
mod snapshots;
mod throttle;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

use crate::errors::Errors;
use crate::item::Item;
use crate::model::Model;
use crate::names::RATE_LIMIT;
use crate::parse::Arguments;

// Documented where it is re-exported, in `limiter-tower`: examples can run there.
#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn rate_limit(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expansion(arguments.into(), item.into()).into()
}

// As above.
#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn throttle(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    throttle::expansion(arguments.into(), item.into()).into()
}

fn expansion(arguments: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(item) => item,
        Err(error) => {
            errors.add(error);
            let errors = errors.into_tokens();
            return quote!(#errors #tokens);
        }
    };
    let stacked = item.take_stacked(&mut errors);
    let stack: Vec<_> = core::iter::once((arguments, Span::call_site()))
        .chain(stacked)
        .map(|(arguments, span)| Arguments::parse(&RATE_LIMIT, arguments, span, &mut errors))
        .collect();
    let model = Model::new(&stack, &item, &mut errors);
    if errors.is_empty() {
        return expand::expand(&model, item);
    }
    // The function stays, so that mistakes in its body are reported in the same build, and those
    // who call it do not fail for want of it.
    let mut tokens = errors.into_tokens();
    item.to_tokens(&mut tokens);
    tokens
}
