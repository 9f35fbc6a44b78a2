//! One call of an annotated handler: the tower service around "extract the arguments, then call".

use core::convert::Infallible;
use core::fmt;
use core::future::{Future, ready};
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::arguments::Arguments;
use super::site::Site;
use crate::current::Share;
use crate::layer::RateLimitLayer;

/// The untouched request and the state: the one extractor of every annotated handler.
pub struct Call<S, M> {
    request: Request,
    state: S,
    last: PhantomData<fn() -> M>,
}

impl<S, M: 'static> FromRequest<S> for Call<S, M>
where
    S: Clone + Send + Sync,
{
    type Rejection = Infallible;

    fn from_request(request: Request, state: &S) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(Call { request, state: state.clone(), last: PhantomData }))
    }
}

impl<S, M> Call<S, M>
where
    S: Clone + Send + Sync + 'static,
    M: 'static,
{
    /// Decides, then extracts and calls. Whoever is refused costs no extraction, and an extractor's
    /// own refusal carries the fields of the decision.
    #[expect(
        clippy::manual_async_fn,
        reason = "the signature says `Send`: asked to find out, the compiler does not for arguments with lifetimes"
    )]
    pub fn through<T, F, A>(self, site: &'static Site, handler: F) -> impl Future<Output = Response> + Send
    where
        T: Arguments<S, M> + Send + 'static,
        F: FnOnce(T) -> A + Send + 'static,
        A: Future + Send + 'static,
        A::Output: IntoResponse,
    {
        async move {
            let layer = match site.layer() {
                Ok(layer) => layer,
                Err(broken) => return broken.refuse(&self.request.into_parts().0),
            };
            let mut request = self.request;
            if T::ask_for_decision() {
                request.extensions_mut().insert(Share);
            }
            let mut target = Target { ready: Some((self.state, handler)), kind: PhantomData };
            limited(layer, request, &mut target).await
        }
    }
}

impl<S, M> fmt::Debug for Call<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

/// The layer around a handler that it knows by what it does alone: compiled once, not once for each
/// annotated function.
async fn limited(layer: &RateLimitLayer, request: Request, target: &mut dyn Answer) -> Response {
    // A handler is always ready.
    match layer.layer(Handler(Some(target))).call(request).await {
        Ok(response) => response.map(crate::body::ResponseBody::into_axum),
        Err(never) => match never {},
    }
}

type Answered = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Answers one request.
trait Answer: Send {
    fn answer(&mut self, request: Request) -> Answered;
}

/// What stands behind the limit.
struct Handler<'a>(Option<&'a mut dyn Answer>);

/// The copy that a layer leaves behind in place of the one it takes. Nobody calls it.
impl Clone for Handler<'_> {
    fn clone(&self) -> Self {
        Handler(None)
    }
}

impl Service<Request> for Handler<'_> {
    type Response = Response;
    type Error = Infallible;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answered {
        match self.0.take() {
            Some(target) => target.answer(request),
            None => unanswered(),
        }
    }
}

/// A handler is asked once; a second time nobody is there.
fn unanswered() -> Answered {
    Box::pin(ready(Ok(http::StatusCode::SERVICE_UNAVAILABLE.into_response())))
}

/// A handler with the state it is called with.
struct Target<S, M, T, F> {
    ready: Option<(S, F)>,
    kind: PhantomData<fn() -> (M, T)>,
}

impl<S, M, T, F, A> Answer for Target<S, M, T, F>
where
    S: Send + Sync + 'static,
    M: 'static,
    T: Arguments<S, M> + Send + 'static,
    F: FnOnce(T) -> A + Send + 'static,
    A: Future + Send + 'static,
    A::Output: IntoResponse,
{
    fn answer(&mut self, request: Request) -> Answered {
        let Some((state, handler)) = self.ready.take() else { return unanswered() };
        Box::pin(async move {
            Ok(match T::extract(request, &state).await {
                Ok(arguments) => handler(arguments).await.into_response(),
                Err(rejection) => rejection,
            })
        })
    }
}
