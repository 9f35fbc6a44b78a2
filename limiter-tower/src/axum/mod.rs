//! What the code of `#[rate_limit]` calls. Not for use by hand: it changes with the attribute, and
//! the two are released together.
//!
//! | file | role |
//! |---|---|
//! | `site.rs` | one annotated function, and the layer that is made of its rules once |
//! | `refusal.rs` | what its `on_limited` may answer with |
//! | `call.rs` | one call of an annotated handler: the layer around "extract, then call" |
//! | `arguments.rs` | 0 to 16 extractors as one tuple |
//! | `group.rs` | an annotated function's router |
//!
//! And what applications use: `extract/` for handlers, `router.rs` for routers, `routes.rs` for
//! layers that count each route apart.

mod arguments;
mod call;
pub(crate) mod extract;
mod group;
mod refusal;
pub(crate) mod router;
mod routes;
mod site;

pub use ::axum::extract::{FromRequest, FromRequestParts};
pub use ::axum::response::Response;
pub use limiter_core::{Algorithm, Missing, OnStoreError};

pub use crate::headers::{Family, Legacy};
pub use crate::spec::{Settled, Spec, key_source};

pub use arguments::Arguments;
pub use call::Call;
pub use group::{Group, limited};
pub use refusal::{Answer, answer};
pub(crate) use routes::{Routed, Routes};
pub use site::Site;
