//! Limits in an OpenAPI description: the refusals, and the fields that tell of the limits.
//!
//! ```
//! use limiter_tower::headers::Wire;
//! use limiter_tower::openapi::DescribeLimits;
//! use utoipa::{Modify, OpenApi};
//!
//! #[utoipa::path(get, path = "/sessions", responses((status = 200, description = "Yours.")))]
//! async fn sessions() {}
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(sessions))]
//! struct Api;
//!
//! let mut api = Api::openapi();
//! DescribeLimits::of(&Wire::new()).modify(&mut api);
//! let responses = &serde_json::to_value(&api)?["paths"]["/sessions"]["get"]["responses"];
//! assert_eq!(responses["429"]["headers"]["Retry-After"]["schema"]["type"], "integer");
//! assert!(responses["200"]["headers"]["RateLimit"].is_object());
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! For handlers that check by hand, [`RateLimited`](crate::RateLimited) describes its refusal to
//! `#[utoipa::path]`: name it in `responses(..)`.

mod describe;
mod fields;
#[cfg(feature = "axum")]
mod rejection;
#[cfg(feature = "utoipa-axum")]
mod router;

pub use describe::DescribeLimits;
