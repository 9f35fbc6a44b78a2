//! The future of a paced request: wait for the turn, wait for the inner service, send, learn from the answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::error::PaceError;
use super::turn::{Flight, Waiting};

pin_project! {
    /// Future of [`Pace`](super::Pace).
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, it gives its place to the next request and nothing was sent. Dropped later, the
    /// request may have reached the server, and what it took from the quota stays taken.
    ///
    /// # Panics
    ///
    /// When it has to wait and is polled outside a tokio runtime with its timer enabled, and when it is polled
    /// again after it has completed.
    pub struct PaceFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, F> {
        Waiting { waiting: Waiting, held: Option<(S, Request<B>)> },
        Readying { flight: Option<Flight>, inner: S, request: Option<Request<B>> },
        Sent { flight: Option<Flight>, #[pin] future: F },
    }
}

impl<S, B> PaceFuture<S, B>
where
    S: Service<Request<B>>,
{
    /// Without `waiting` the request is sent at once.
    pub(super) fn new(waiting: Option<Waiting>, inner: S, request: Request<B>) -> Self {
        let state = match waiting {
            Some(waiting) => State::Waiting { waiting, held: Some((inner, request)) },
            None => State::Readying { flight: None, inner, request: Some(request) },
        };
        PaceFuture { state }
    }
}

impl<S, B, R> Future for PaceFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<R>, PaceError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const DONE: &str = "`PaceFuture` polled after it has completed";
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Waiting { waiting, held } => {
                    let flight = ready!(waiting.poll(cx)).map_err(PaceError::Paced)?;
                    let Some((inner, request)) = held.take() else { unreachable!("{DONE}") };
                    State::Readying { flight: Some(flight), inner, request: Some(request) }
                }
                StateProj::Readying { flight, inner, request } => {
                    ready!(inner.poll_ready(cx)).map_err(PaceError::Inner)?;
                    let Some(request) = request.take() else { unreachable!("{DONE}") };
                    State::Sent { flight: flight.take(), future: inner.call(request) }
                }
                StateProj::Sent { flight, future } => {
                    let result = ready!(future.poll(cx));
                    if let (Some(flight), Ok(response)) = (flight.take(), &result) {
                        flight.land(response.status(), response.headers());
                    }
                    return Poll::Ready(result.map_err(PaceError::Inner));
                }
            };
            state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for PaceFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Waiting { .. } => "waiting",
            State::Readying { .. } => "readying",
            State::Sent { .. } => "sent",
        };
        f.debug_struct("PaceFuture").field("state", &state).finish_non_exhaustive()
    }
}
