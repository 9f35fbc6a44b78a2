//! The application's limiter, on its way with each request.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::sync::{Arc, OnceLock};

use http::Request;
use limiter_core::Limiter;
use tower_layer::Layer;
use tower_service::Service;

use crate::current::Share;
use crate::headers::Wire;

/// Puts the application's [`Limiter`] into each request, where annotated handlers and layers
/// without a limiter of their own find it. Of two such layers the inner one counts.
///
/// The first limiter given to such a layer is kept for as long as the process runs: it is told when
/// requests end up with the process-wide default, which most often means a route that was added
/// after the layer.
///
/// # Examples
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use limiter_tower::{Global, Limiter, LimiterLayer, RateLimitLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limit = RateLimitLayer::builder().quota("1/min").key(Global).build()?;
/// let application = || {
///     ServiceBuilder::new()
///         .layer(LimiterLayer::new(Limiter::in_memory()))
///         .layer(limit.clone())
///         .service(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))))
/// };
/// let (one, other) = (application(), application());
///
/// let request = || Request::new(String::new());
/// assert_eq!(one.clone().oneshot(request()).await?.status(), StatusCode::OK);
/// assert_eq!(one.oneshot(request()).await?.status(), StatusCode::TOO_MANY_REQUESTS);
/// // Another limiter, other budgets, though the rules are the same.
/// assert_eq!(other.oneshot(request()).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LimiterLayer {
    limiter: Limiter,
    wire: Option<Arc<Wire>>,
    share: bool,
}

impl LimiterLayer {
    /// A layer that hands out `limiter`.
    #[must_use]
    pub fn new(limiter: Limiter) -> Self {
        if limiter.requires_explicit() {
            REQUIRED.store(true, Ordering::Relaxed);
        }
        let _: &Limiter = EXPLICIT.get_or_init(|| limiter.clone());
        LimiterLayer { limiter, wire: None, share: false }
    }

    /// What the responses of everything below say about limits, where no layer says otherwise.
    #[must_use]
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(Arc::new(wire));
        self
    }

    /// Lets the handlers of everything below know what was decided about their requests, through
    /// [`CurrentDecision`](crate::CurrentDecision). Annotated handlers which take one need nothing said.
    #[must_use]
    pub fn share_decisions(mut self) -> Self {
        self.share = true;
        self
    }
}

impl<S> Layer<S> for LimiterLayer {
    type Service = WithLimiter<S>;

    fn layer(&self, inner: S) -> WithLimiter<S> {
        WithLimiter { inner, limiter: self.limiter.clone(), wire: self.wire.clone(), share: self.share }
    }
}

/// A service whose requests carry the application's [`Limiter`]. Made by [`LimiterLayer`].
#[derive(Clone, Debug)]
pub struct WithLimiter<S> {
    inner: S,
    limiter: Limiter,
    wire: Option<Arc<Wire>>,
    share: bool,
}

impl<S, B> Service<Request<B>> for WithLimiter<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.limiter.clone());
        if let Some(wire) = &self.wire {
            request.extensions_mut().insert(Arc::clone(wire));
        }
        if self.share {
            request.extensions_mut().insert(Share);
        }
        self.inner.call(request)
    }
}

/// The first limiter that was put into a layer: whoever runs the application listens there.
static EXPLICIT: OnceLock<Limiter> = OnceLock::new();
/// Whether a limiter of the process says that there must be an explicit one.
static REQUIRED: AtomicBool = AtomicBool::new(false);
/// Limits what no explicit limiter limits: in memory, trusting nobody.
static DEFAULT: OnceLock<Limiter> = OnceLock::new();

/// Who decides about a request that carries no limiter: nobody where the application says that one must be there.
pub(crate) fn fallback() -> Option<&'static Limiter> {
    if REQUIRED.load(Ordering::Relaxed) { None } else { Some(of_process()) }
}

/// The limiter of those who brought none.
pub(crate) fn of_process() -> &'static Limiter {
    DEFAULT.get_or_init(Limiter::in_memory)
}

/// A limiter that the process was given, if any.
pub(crate) fn explicit() -> Option<&'static Limiter> {
    EXPLICIT.get()
}
