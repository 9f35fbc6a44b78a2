//! The attribute `#[throttle]`: the function keeps its name, its arguments and its body, and begins
//! with a wait for its turn.
//!
//! | file | role |
//! |---|---|
//! | `words.rs` | the arguments' words |
//! | `function.rs` | the function, and expressions over its arguments |
//! | `outcome.rs` | what counts once a call has ended |
//! | `model.rs` | arguments to rules; finds every mistake that can be seen without types |
//! | `expand.rs` | a valid model to code |

mod expand;
mod function;
mod model;
mod outcome;
mod words;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

use crate::errors::Errors;
use crate::item::Item;
use crate::parse::Arguments;
use model::Model;
use words::THROTTLE;

pub(crate) fn expansion(arguments: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(item) => item,
        Err(error) => {
            errors.at(error.span(), "`#[throttle]` stands on an `async fn` with a body");
            let errors = errors.into_tokens();
            return quote!(#errors #tokens);
        }
    };
    let arguments = Arguments::parse(&THROTTLE, arguments, Span::call_site(), &mut errors);
    let model = Model::new(&arguments, &item, &mut errors);
    if errors.is_empty() {
        return expand::expand(&model, item);
    }
    let mut tokens = errors.into_tokens();
    item.to_tokens(&mut tokens);
    tokens
}
