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
            let target = Target { ready: Some((self.state, handler)), kind: PhantomData };
            // A target is always ready.
            match layer.layer(target).call(request).await {
                Ok(response) => response.map(crate::body::ResponseBody::into_axum),
                Err(never) => match never {},
            }
        }
    }
}

impl<S, M> fmt::Debug for Call<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

/// What stands behind the limit. It answers one request.
struct Target<S, M, T, F> {
    ready: Option<(S, F)>,
    kind: PhantomData<fn() -> (M, T)>,
}

/// The copy that a layer leaves behind in place of the one it takes. Nobody calls it.
impl<S, M, T, F> Clone for Target<S, M, T, F> {
    fn clone(&self) -> Self {
        Target { ready: None, kind: PhantomData }
    }
}

impl<S, M, T, F, A> Service<Request> for Target<S, M, T, F>
where
    S: Send + Sync + 'static,
    M: 'static,
    T: Arguments<S, M> + Send + 'static,
    F: FnOnce(T) -> A + Send + 'static,
    A: Future + Send + 'static,
    A::Output: IntoResponse,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let ready = self.ready.take();
        Box::pin(async move {
            let Some((state, handler)) = ready else {
                return Ok(http::StatusCode::SERVICE_UNAVAILABLE.into_response());
            };
            Ok(match T::extract(request, &state).await {
                Ok(arguments) => handler(arguments).await.into_response(),
                Err(rejection) => rejection,
            })
        })
    }
}
