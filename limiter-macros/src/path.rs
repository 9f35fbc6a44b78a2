//! The path by which generated code reaches the runtime.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Path;

use crate::errors::Errors;
use crate::names::Argument;
use crate::parse::{Arguments, Value};

/// `::limiter_tower`, unless `crate = ..` names another place.
pub(crate) fn root(stack: &[Arguments], errors: &mut Errors) -> TokenStream {
    for arguments in stack {
        match arguments.value(Argument::Crate, errors) {
            None => {}
            Some(Value::Path(path)) => {
                if let Some(path) = absolute(path, errors) {
                    return path;
                }
            }
            Some(value) => errors.on(
                value,
                format!(
                    "`crate` takes a path, found {}; write it without quotes: `crate = ::limiter_tower`",
                    value.describe()
                ),
            ),
        }
    }
    quote!(::limiter_tower)
}

/// The path, if it means the same wherever it stands.
pub(crate) fn absolute(path: &Path, errors: &mut Errors) -> Option<TokenStream> {
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    if path.leading_colon.is_some() || first.as_deref() == Some("crate") {
        return Some(path.to_token_stream());
    }
    let text = path.to_token_stream().to_string().replace(' ', "");
    errors.on(
        path,
        format!(
            "`crate` takes an absolute path, found `{text}`; write `crate = ::{text}` for a crate, \
             or `crate = crate::{text}` for a module of this one"
        ),
    );
    None
}
