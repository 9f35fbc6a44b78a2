//! Who is being limited: keys, where they come from, and who the client is behind proxies.

pub mod client_ip;
mod key_value;
mod notation;
mod source;

pub use key_value::{Key, Part, Revealed};
pub use notation::{KeyError, parse_source};
pub use source::{Composite, Extracted, Fallback, Global, Header, IntoKey, Ip, KeyContext, KeySource, Missing};
