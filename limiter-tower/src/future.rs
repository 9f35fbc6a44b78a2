//! The answer of a limited service, on its way.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use limiter_core::limiter::Passed;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::gate::{Brief, Gate, Pass, Pending, is_refused_inside};

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
        Quiet { #[pin] answer: S::Future, passed: Passed },
        Brief { #[pin] answer: S::Future, brief: Brief },
        Refused { response: Option<Response<Bytes>> },
        Calling { #[pin] answer: S::Future, pass: Option<Pass> },
        // The rare one that takes the most room by far.
        Deciding { waiting: Option<Box<Waiting<S, B>>> },
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

    #[inline(always)]
    pub(crate) fn quiet(answer: S::Future, passed: Passed) -> Self {
        ResponseFuture { state: State::Quiet { answer, passed } }
    }

    #[inline(always)]
    pub(crate) fn brief(answer: S::Future, brief: Brief) -> Self {
        ResponseFuture { state: State::Brief { answer, brief } }
    }

    pub(crate) fn uncounted(answer: S::Future) -> Self {
        ResponseFuture { state: State::Calling { answer, pass: None } }
    }

    pub(crate) fn deciding(pending: Pending, gate: Arc<Gate>, parts: Parts, body: B, service: S) -> Self {
        ResponseFuture {
            state: State::Deciding { waiting: Some(Box::new(Waiting { pending, gate, parts, body, service })) },
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if let StateProjection::Quiet { answer, passed } = state.as_mut().project() {
            return poll_quiet(answer, passed, cx);
        }
        if let StateProjection::Brief { answer, brief } = state.as_mut().project() {
            return poll_brief(answer, brief, cx);
        }
        state.poll_in_full(cx)
    }
}

impl<S, B> State<S, B>
where
    S: Service<Request<B>>,
{
    #[inline(never)]
    fn poll_in_full<R>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ResponseBody<R>>, S::Error>>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: http_body::Body<Data = Bytes>,
    {
        loop {
            let next = match self.as_mut().project() {
                StateProjection::Refused { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response.map(ResponseBody::refusal))),
                        None => Poll::Pending,
                    };
                }
                StateProjection::Calling { answer, pass } => {
                    return Poll::Ready(match (ready!(answer.poll(cx)), pass) {
                        (Ok(response), Some(pass)) => Ok(pass.leave(response)),
                        (Ok(response), None) => Ok(plain(response)),
                        (Err(error), pass) => {
                            pass.take().into_iter().for_each(Pass::fail);
                            Err(error)
                        }
                    });
                }
                StateProjection::Deciding { waiting } => {
                    let Some(asking) = waiting.as_mut() else { return Poll::Pending };
                    let mut ruling = ready!(asking.pending.ruling.as_mut().poll(cx));
                    let Some(asking) = waiting.take() else { return Poll::Pending };
                    let Waiting { pending, gate, mut parts, body, mut service } = *asking;
                    match gate.verdict(&mut ruling, &mut parts, &pending.travelled) {
                        Ok(admitted) => {
                            let answer = service.call(Request::from_parts(parts, body));
                            State::Calling { answer, pass: Some(gate.pass(&mut ruling, admitted, pending.travelled)) }
                        }
                        Err(response) => State::Refused { response: Some(response) },
                    }
                }
                StateProjection::Quiet { answer, passed } => return poll_quiet(answer, passed, cx),
                StateProjection::Brief { answer, brief } => return poll_brief(answer, brief, cx),
            };
            self.set(next);
        }
    }
}

// Each a function of its own, so that the answer, which is large, is made where it is returned. Of an error the charge
// stands.

#[inline(never)]
fn poll_quiet<F, R, E>(
    answer: Pin<&mut F>,
    passed: &Passed,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<ResponseBody<R>>, E>>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    let (head, body) = match ready!(answer.poll(cx)) {
        Ok(response) => response.into_parts(),
        Err(error) => return Poll::Ready(Err(error)),
    };
    // Nothing is called that would have to find the answer in memory, most often.
    if head.extensions.is_empty() {
        return Poll::Ready(Ok(Response::from_parts(head, ResponseBody::plain(body))));
    }
    Poll::Ready(Ok(looked_at(Response::from_parts(head, body), passed)))
}

#[inline(never)]
fn looked_at<R>(response: Response<R>, passed: &Passed) -> Response<ResponseBody<R>> {
    is_refused_inside(passed, &response);
    plain(response)
}

#[inline]
fn poll_brief<F, R, E>(
    answer: Pin<&mut F>,
    brief: &Brief,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<ResponseBody<R>>, E>>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    let mut answered = answer.poll(cx).map_ok(plain);
    if let Poll::Ready(Ok(response)) = &mut answered {
        brief.leave(response);
    }
    answered
}

/// An answer that holds nothing.
#[inline(always)]
fn plain<R>(response: Response<R>) -> Response<ResponseBody<R>> {
    response.map(ResponseBody::plain)
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
