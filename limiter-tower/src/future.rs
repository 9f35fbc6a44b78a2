//! The answer of a limited service, on its way.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::gate::{Gate, Pass, Pending};

pin_project! {
    /// The future of [`RateLimit`](crate::RateLimit). Nothing is boxed when the decision is made at
    /// once.
    ///
    /// # Cancel safety
    ///
    /// Dropping it frees the slots of concurrent limits; what was charged stays charged.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Refused { response: Option<Response<Bytes>> },
        Calling { #[pin] answer: S::Future, pass: Option<Pass> },
        Deciding { waiting: Option<Waiting<S, B>> },
    }
}

/// A request whose decision is under way, with the service that is ready for it.
struct Waiting<S, B> {
    pending: Pending,
    gate: Arc<Gate>,
    parts: Parts,
    body: B,
    service: S,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn refused(response: Response<Bytes>) -> Self {
        ResponseFuture { state: State::Refused { response: Some(response) } }
    }

    #[inline(always)]
    pub(crate) fn admitted(answer: S::Future, pass: Pass) -> Self {
        ResponseFuture { state: State::Calling { answer, pass: Some(pass) } }
    }

    pub(crate) fn uncounted(answer: S::Future) -> Self {
        ResponseFuture { state: State::Calling { answer, pass: None } }
    }

    pub(crate) fn deciding(pending: Pending, gate: Arc<Gate>, parts: Parts, body: B, service: S) -> Self {
        ResponseFuture { state: State::Deciding { waiting: Some(Waiting { pending, gate, parts, body, service }) } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Refused { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response.map(ResponseBody::refusal))),
                        None => Poll::Pending,
                    };
                }
                StateProjection::Calling { answer, pass } => {
                    let answer = ready!(answer.poll(cx));
                    let response = match answer {
                        Ok(response) => response,
                        Err(error) => {
                            // The charge stands or is settled, and the slots are free.
                            if let Some(mut pass) = pass.take() {
                                pass.fail();
                            }
                            return Poll::Ready(Err(error));
                        }
                    };
                    return Poll::Ready(Ok(match pass {
                        Some(pass) => pass.leave(response),
                        None => response.map(|body| ResponseBody::inner(body, None)),
                    }));
                }
                StateProjection::Deciding { waiting } => {
                    let Some(asking) = waiting.as_mut() else { return Poll::Pending };
                    let mut ruling = ready!(asking.pending.ruling.as_mut().poll(cx));
                    let Some(Waiting { pending, gate, mut parts, body, mut service }) = waiting.take() else {
                        return Poll::Pending;
                    };
                    match gate.verdict(&mut ruling, &mut parts, &pending.travelled) {
                        Ok(admitted) => {
                            let answer = service.call(Request::from_parts(parts, body));
                            State::Calling { answer, pass: Some(gate.pass(&mut ruling, admitted, pending.travelled)) }
                        }
                        Err(response) => State::Refused { response: Some(response) },
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
