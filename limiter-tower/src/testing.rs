//! Parts for tests of applications: a clock that is moved by hand.
//!
//! ```
//! use std::time::Duration;
//!
//! use http::{Request, Response, StatusCode};
//! use limiter_tower::{Global, Limiter, RateLimitLayer, testing::ManualClock};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = ManualClock::new();
//! let limiter = Limiter::builder().clock(clock.clone()).build();
//! let layer = RateLimitLayer::builder().quota("1/min").key(Global).limiter(limiter).build()?;
//! let service =
//!     layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
//!
//! let ask = || service.clone().oneshot(Request::new(String::new()));
//! assert_eq!(ask().await?.status(), StatusCode::OK);
//! assert_eq!(ask().await?.status(), StatusCode::TOO_MANY_REQUESTS);
//! clock.advance(Duration::from_secs(60));
//! assert_eq!(ask().await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```

pub use limiter_core::testing::ManualClock;
