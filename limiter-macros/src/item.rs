//! The annotated function: its signature parsed, its body left as tokens, so that a body which is
//! still being typed is the compiler's business and not ours.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Meta, Signature, Visibility};

use crate::errors::Errors;

/// A function with an attribute.
pub(crate) struct Item {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

impl Item {
    /// Takes out the `#[rate_limit(..)]`s below the one that is being expanded: they are merged
    /// with it.
    pub(crate) fn take_stacked(&mut self, errors: &mut Errors) -> Vec<(TokenStream, Span)> {
        let (stacked, others) =
            std::mem::take(&mut self.attributes).into_iter().partition::<Vec<_>, _>(|a| is_named(a, "rate_limit"));
        self.attributes = others;
        let mut found = Vec::new();
        for attribute in stacked {
            let span = name_span(&attribute);
            match attribute.meta {
                Meta::List(list) => found.push((list.tokens, span)),
                Meta::Path(_) => found.push((TokenStream::new(), span)),
                Meta::NameValue(_) => {
                    errors
                        .on(attribute, "`rate_limit` takes its arguments in parentheses: `#[rate_limit(\"100/min\")]`");
                }
            }
        }
        found
    }

    /// Where to point when the function as a whole is meant.
    pub(crate) fn name_span(&self) -> Span {
        self.signature.ident.span()
    }

    /// The name without `r#`.
    pub(crate) fn name(&self) -> String {
        use syn::ext::IdentExt;
        self.signature.ident.unraw().to_string()
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let Ok(signature) = input.parse::<Signature>() else {
            return Err(input.error(
                "`#[rate_limit]` stands on a function: an `async fn` that axum calls, or an `fn` that returns a router",
            ));
        };
        match input.parse::<TokenTree>() {
            Ok(TokenTree::Group(body)) => Ok(Item { attributes, visibility, signature, body }),
            _ => Err(syn::Error::new(
                signature.ident.span(),
                "`#[rate_limit]` needs a function with a body; put it where the function is implemented",
            )),
        }
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

/// Whether the attribute's path ends in `name`.
pub(crate) fn is_named(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
}

/// The last segment of the attribute's path.
pub(crate) fn name_span(attribute: &Attribute) -> Span {
    attribute.path().segments.last().map_or_else(Span::call_site, |segment| segment.ident.span())
}
