//! Throttling around services of any kind.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use limiter_core::{Key, Wait};
use tower_layer::Layer;
use tower_service::Service;

use super::Throttle;
use super::outcome::settle_result;

/// Any error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Puts a limit around services whose requests are anything: commands, jobs, outgoing calls. Refused
/// requests fail with a [`RateLimitExceeded`](super::RateLimitExceeded), boxed.
///
/// Rules that settle by outcome are told whether the service answered or failed.
///
/// The limit comes before the service: while a request waits for its turn, it keeps nothing of the
/// service that is limited, and the service is always ready for more.
///
/// # Examples
///
/// ```
/// use limiter_tower::throttle::{RateLimitExceeded, Throttle, ThrottleLayer};
/// use limiter_tower::{Global, Limiter, Policy, Rule, key::Key};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// struct Job { tenant: u64 }
///
/// let policy = Policy::new("jobs", [Rule::new("1/min".parse()?).key(Global)])?;
/// let throttle = Throttle::new(Limiter::in_memory(), policy);
/// let jobs = ServiceBuilder::new()
///     .layer(ThrottleLayer::new(throttle).key(|job: &Job| Key::from(job.tenant)))
///     .service(service_fn(async |job: Job| Ok::<_, std::io::Error>(job.tenant)));
///
/// assert_eq!(jobs.clone().oneshot(Job { tenant: 7 }).await?, 7);
/// let refused = jobs.clone().oneshot(Job { tenant: 7 }).await.unwrap_err();
/// assert_eq!(refused.downcast_ref::<RateLimitExceeded>().unwrap().rule(), Some("jobs"));
/// assert_eq!(jobs.oneshot(Job { tenant: 8 }).await?, 8);
/// # Ok(())
/// # }
/// ```
pub struct ThrottleLayer<R> {
    throttle: Throttle,
    key: KeyOf<R>,
}

/// Who a request is limited as.
type KeyOf<R> = Option<Arc<dyn Fn(&R) -> Key + Send + Sync>>;

impl<R> ThrottleLayer<R> {
    /// A layer that limits all requests together.
    #[must_use]
    pub fn new(throttle: Throttle) -> Self {
        ThrottleLayer { throttle, key: None }
    }

    /// Limits each key by itself.
    #[must_use]
    pub fn key(mut self, key: impl Fn(&R) -> Key + Send + Sync + 'static) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    /// For how long a request waits, and beside how many others.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.throttle = self.throttle.wait(wait);
        self
    }
}

impl<R> Clone for ThrottleLayer<R> {
    fn clone(&self) -> Self {
        ThrottleLayer { throttle: self.throttle.clone(), key: self.key.clone() }
    }
}

impl<R> fmt::Debug for ThrottleLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottleLayer").field("throttle", &self.throttle).finish_non_exhaustive()
    }
}

impl<S, R> Layer<S> for ThrottleLayer<R> {
    type Service = Throttled<S, R>;

    fn layer(&self, inner: S) -> Throttled<S, R> {
        Throttled { inner, layer: self.clone() }
    }
}

/// A service whose requests wait for their turn. Made by [`ThrottleLayer`].
pub struct Throttled<S, R> {
    inner: S,
    layer: ThrottleLayer<R>,
}

impl<S: Clone, R> Clone for Throttled<S, R> {
    fn clone(&self) -> Self {
        Throttled { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Throttled<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttled").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

impl<S, R> Service<R> for Throttled<S, R>
where
    S: Service<R> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Who waits for a turn must not hold a place inside: it is asked for when the turn has come.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let key = self.layer.key.as_ref().map_or_else(Key::everyone, |key| key(&request));
        let turn = self.layer.throttle.acquire(key);
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let mut held = turn.await?;
            if let Err(error) = poll_fn(|cx| inner.poll_ready(cx)).await {
                held.failed();
                return Err(error.into());
            }
            let outcome = inner.call(request).await.map_err(Into::into);
            settle_result(&mut held, &outcome);
            outcome
        })
    }
}
