//! Configures a layer; every mistake comes out of `build`.
//!
//! | file | role |
//! |---|---|
//! | `rules.rs` | what is counted, by whom and by which limiter |
//! | `exemptions.rs` | who is not |
//! | `outcomes.rs` | what becomes of requests without room, and of charges once the outcome is known |
//! | `answers.rs` | what answers say |
//! | `build.rs` | makes the layer |
//! | `error.rs` | what can be wrong |

mod answers;
mod build;
mod error;
mod exemptions;
mod outcomes;
mod rules;

use core::fmt;
use std::sync::Arc;

use limiter_core::key::KeySource;
use limiter_core::{AccessList, Limiter, Name, Policy, Queue, Rule, Settle};

use crate::exempt::Exempt;
use crate::headers::{Family, Legacy, Wire};
use crate::response::Body;

pub use error::LayerError;

/// Configures a [`RateLimitLayer`](crate::RateLimitLayer). Started by [`RateLimitLayer::builder`](crate::RateLimitLayer::builder).
///
/// Setters may come in any order. The first mistake is kept and comes out of
/// [`build`](RateLimitBuilder::build).
///
/// # Examples
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use limiter_tower::{Global, Limiter, RateLimitLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = RateLimitLayer::builder()
///     .quota("2/min, 50/h")
///     .key(Global)
///     .named("search")
///     .limiter(Limiter::in_memory())
///     .exempt(["/health", "/static/*"])
///     .on_limited(|_, parts| {
///         let mut response = Response::new(format!("{} is busy", parts.uri.path()));
///         *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
///         response
///     })
///     .build()?;
/// let service = ServiceBuilder::new()
///     .layer(layer)
///     .service(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("found")))));
///
/// let ask = |path: &str| service.clone().oneshot(Request::get(path).body(String::new()).unwrap());
/// assert_eq!(ask("/search").await?.status(), StatusCode::OK);
/// assert_eq!(ask("/search").await?.status(), StatusCode::OK);
/// assert_eq!(ask("/search").await?.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(ask("/static/logo.svg").await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "a builder makes a layer when `build` is called"]
pub struct RateLimitBuilder {
    name: Option<Name>,
    policy: Option<Policy>,
    rules: Vec<Planned>,
    key: Option<Arc<dyn KeySource>>,
    trusted_key: bool,
    settle: Option<Settle>,
    queue: Option<Queue>,
    limiter: Option<Limiter>,
    exempt: Exempt,
    access: Option<AccessList>,
    wire: Option<Wire>,
    on_limited: Option<Body>,
    share: bool,
    #[cfg(feature = "axum")]
    per_route: bool,
    fields: Option<(Family, Legacy)>,
    mistake: Option<LayerError>,
}

/// A rule to be.
enum Planned {
    /// From a quota: gets the builder's key.
    Quota(Rule),
    /// As the caller made it.
    Own(Rule),
}

impl RateLimitBuilder {
    fn note(&mut self, mistake: LayerError) {
        self.mistake.get_or_insert(mistake);
    }
}

impl fmt::Debug for RateLimitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitBuilder")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .field("rules", &self.rules.len())
            .field("key", &self.key.as_ref().map(|key| key.describe()))
            .field("exempt", &self.exempt)
            .field("mistake", &self.mistake)
            .finish_non_exhaustive()
    }
}
