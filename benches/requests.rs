//! Requests as a server hands them to a layer, and a service that answers them at once.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use tower::{Service, service_fn};

/// A service without a limit.
pub type Bare = fn(Request<Body>) -> Ready<Result<Response<Body>, Infallible>>;

/// Answers at once, with nothing.
#[must_use]
pub fn bare() -> tower::util::ServiceFn<Bare> {
    service_fn(|_| ready(Ok(Response::new(Body::empty()))))
}

/// A request of the client of this number.
#[must_use]
pub fn request(client: u32) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    let address = Ipv4Addr::from(0xC612_0000 + client);
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 4711))));
    request
}

/// Nothing here ever has to wait.
///
/// # Panics
///
/// If the service does not answer at once.
pub fn answer<S, R>(service: &mut S, request: Request<Body>) -> Response<R>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) => response,
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => unreachable!("everything answers at once"),
    }
}
