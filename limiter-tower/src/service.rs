//! The limited service.

use core::mem;
use core::task::{Context, Poll};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use limiter_core::limiter::Found;
use limiter_core::{MethodClass, Reply};
use tower_service::Service;

use crate::body::ResponseBody;
use crate::future::ResponseFuture;
use crate::gate::{Gate, Pending, Turned, Way};

/// A service whose requests are limited. Made by [`RateLimitLayer`](crate::RateLimitLayer).
///
/// It answers, it never queues: a refused request gets its response at once, and the inner service
/// is not called. It may stand around any service of HTTP requests that can be cloned, with bodies
/// of any make.
///
/// # Examples
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use limiter_tower::{Global, Limiter, RateLimit, RateLimitLayer};
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = RateLimitLayer::builder().quota("1/min").key(Global).limiter(Limiter::in_memory()).build()?;
/// let mut limited: RateLimit<_> =
///     layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
///
/// assert_eq!(limited.ready().await?.call(Request::new(String::new())).await?.status(), StatusCode::OK);
/// let refused = limited.ready().await?.call(Request::new(String::new())).await?;
/// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
///
/// // The inner service itself is as it was.
/// let mut unlimited = limited.into_inner();
/// assert_eq!(unlimited.ready().await?.call(Request::new(String::new())).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RateLimit<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> RateLimit<S> {
    pub(crate) fn new(inner: S, gate: Arc<Gate>) -> Self {
        RateLimit { inner, gate }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives the inner service back.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

// By hand, to say what a copy is: the budgets are shared, the readiness is not. The inner service's
// own `Clone` hands out one that has yet to be polled ready, and a permit lives in the future and
// the body of one request, never in a service.
impl<S: Clone> Clone for RateLimit<S> {
    fn clone(&self) -> Self {
        RateLimit { inner: self.inner.clone(), gate: Arc::clone(&self.gate) }
    }
}

impl<S, B, R> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: http_body::Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> ResponseFuture<S, B> {
        if !self.gate.counts(request.method()) {
            return self.call_in_full(request, None);
        }
        let class = MethodClass::of_head(request.method(), request.version(), request.headers());
        if !self.gate.has_watched() {
            self.gate.watch(class, request.extensions_mut());
        }
        let way = self.gate.in_short(class, request.headers(), request.extensions());
        if let Way::Quiet(_) = way {
            let answer = self.inner.call(request);
            // Looked at again, so that it is moved once.
            return match way {
                Way::Quiet(passed) => ResponseFuture::quiet(answer, passed),
                _ => ResponseFuture::uncounted(answer),
            };
        }
        if let Way::Passed(_) = way {
            let answer = self.inner.call(request);
            return match way {
                Way::Passed(brief) => ResponseFuture::brief(answer, brief),
                _ => ResponseFuture::uncounted(answer),
            };
        }
        self.call_otherwise(request, way)
    }
}

impl<S> RateLimit<S> {
    /// Where the short way does not lead to the inner service.
    #[inline(never)]
    fn call_otherwise<B, R>(&mut self, request: Request<B>, way: Way) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        match way {
            Way::Quiet(passed) => ResponseFuture::quiet(self.inner.call(request), passed),
            Way::Passed(brief) => ResponseFuture::brief(self.inner.call(request), brief),
            Way::Refused(decision) => {
                let (mut parts, _) = request.into_parts();
                let response = self.gate.refuse_in_short(&decision, &mut parts);
                self.refuse(response)
            }
            Way::InFull(client) => self.call_in_full(request, Some(client)),
        }
    }

    /// The way for all requests. `counted` where it is clear that this one is counted, and who the client is if that
    /// was looked for.
    #[inline(never)]
    fn call_in_full<B, R>(&mut self, request: Request<B>, counted: Option<Found>) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        let (mut parts, body) = request.into_parts();
        if counted.is_none() {
            match self.gate.enter(&mut parts) {
                None => {}
                Some(Turned::Refused(response)) => return self.refuse(response),
                Some(Turned::Uncounted) => {
                    return ResponseFuture::uncounted(self.inner.call(Request::from_parts(parts, body)));
                }
            }
        }
        let Some(question) = self.gate.question(&parts) else {
            let response = self.gate.undecided(&mut parts);
            return self.refuse(response);
        };
        // Read where it is: a ruling is large.
        let mut reply = question.ask(counted.flatten());
        let travelled = question.travelled();
        match reply {
            Reply::Now(ref mut ruling) => match self.gate.verdict(ruling, &mut parts, &travelled) {
                Ok(admitted) => {
                    let answer = self.inner.call(Request::from_parts(parts, body));
                    ResponseFuture::admitted(answer, self.gate.pass(ruling, admitted, travelled))
                }
                Err(response) => self.refuse(response),
            },
            Reply::Later(ruling) => {
                let gate = Arc::clone(&self.gate);
                ResponseFuture::deciding(Pending { ruling, travelled }, gate, parts, body, self.take_ready())
            }
        }
    }
}

impl<S: Clone> RateLimit<S> {
    /// Takes out the service that was polled ready and leaves a copy that was not.
    fn take_ready(&mut self) -> S {
        let unready = self.inner.clone();
        mem::replace(&mut self.inner, unready)
    }

    /// What the inner service set aside when it said that it is ready (a slot, a place in a buffer) is not needed.
    /// Kept, it would be held as long as the connection is idle.
    fn refuse<B>(&mut self, response: Response<Bytes>) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        drop(self.take_ready());
        ResponseFuture::refused(response)
    }
}
