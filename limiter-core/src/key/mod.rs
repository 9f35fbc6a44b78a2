//! Who is being limited: keys, where they come from, and who the client is behind proxies.

mod address_set;
mod address_sources;
pub mod client_ip;
mod combine;
mod fingerprint;
mod key_value;
mod notation;
mod request_sources;
mod secret;
mod source;

pub use address_set::{AddressError, AddressSet};
pub use address_sources::{Global, Ip, PeerAddress};
pub use combine::{Composite, Fallback};
pub use fingerprint::Fingerprints;
pub use key_value::{Key, Part, Revealed};
pub use notation::{KeyError, parse_source};
pub use request_sources::{Cookie, Extension, Header, Host, Method, Path, Query, Route};
pub use secret::Secret;
#[cfg(feature = "fleet")]
pub(crate) use secret::{has_fleet_secret, set_fleet_secret};
pub(crate) use source::Plain;
pub use source::{AsyncKey, Extracted, IntoKey, KeyContext, KeySource, Later, Missing, RouteInfo};
