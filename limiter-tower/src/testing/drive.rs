//! Sends requests through a service.

use core::fmt;
use core::future::poll_fn;
use std::net::{IpAddr, SocketAddr};

use http::{Request, Response};
use tower_service::Service;

use super::record::Record;
use super::step::Step;
use super::trace::Trace;
use crate::peer::PeerAddr;

/// Sends `count` requests one after the other and says what became of each.
///
/// Each request goes to a clone of the service, as in tower's `oneshot`, and its answer is dropped
/// before the next one is made. `make` gets the number of the request, from 0. Any service will do:
/// an axum router, a layer around a function, a client of a server elsewhere. Of the latter, only
/// the answer is known: there, 429 counts as refused and everything else as admitted.
///
/// See the [module](super) for examples.
///
/// # Cancel safety
///
/// Dropped early, the requests sent so far stay counted and their trace is lost.
pub async fn drive<S, B, R>(service: &S, count: usize, mut make: impl FnMut(usize) -> Request<B>) -> Trace
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: fmt::Display,
{
    let mut steps = Vec::with_capacity(count);
    for number in 0..count {
        steps.push(send(service, make(number)).await.0);
    }
    Trace::new(steps)
}

/// As [`drive`], but keeps every answer until the last request was answered: slots of concurrent
/// limits that the answers hold are taken meanwhile.
///
/// See the [module](super#requests-at-the-same-time) for an example.
///
/// # Cancel safety
///
/// As [`drive`]; the answers kept so far are dropped, and their slots are free.
pub async fn drive_held<S, B, R>(service: &S, count: usize, mut make: impl FnMut(usize) -> Request<B>) -> Trace
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: fmt::Display,
{
    let mut steps = Vec::with_capacity(count);
    let mut held = Vec::with_capacity(count);
    for number in 0..count {
        let (step, body) = send(service, make(number)).await;
        steps.push(step);
        held.push(body);
    }
    Trace::new(steps)
}

async fn send<S, B, R>(service: &S, mut request: Request<B>) -> (Step, Option<R>)
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: fmt::Display,
{
    let record = Record::default();
    request.extensions_mut().insert(record.clone());
    let mut service = service.clone();
    let answer = match poll_fn(|cx| service.poll_ready(cx)).await {
        Ok(()) => service.call(request).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            (Step::answered(parts, record.take()), Some(body))
        }
        Err(error) => (Step::failed(error.to_string(), record.take()), None),
    }
}

/// Makes a request come from this address, as if a connection had been accepted from it.
///
/// It counts before `ConnectInfo` and `MockConnectInfo`. Requests that come through a proxy have
/// the proxy's address here, and the client's in the header that the proxy writes.
///
/// # Panics
///
/// When `ip` is not an IPv4 or IPv6 address.
///
/// # Examples
///
/// ```
/// use http::Request;
/// use limiter_tower::{PeerAddr, testing};
///
/// let request = testing::from_ip("203.0.113.7", Request::new(""));
/// assert_eq!(request.extensions().get::<PeerAddr>().unwrap().0.ip().to_string(), "203.0.113.7");
/// ```
#[expect(clippy::panic, reason = "a mistake in a test")]
#[track_caller]
pub fn from_ip<B>(ip: &str, mut request: Request<B>) -> Request<B> {
    let Ok(address) = ip.parse::<IpAddr>() else {
        panic!("{ip:?} is not an address; accepted: one such as `203.0.113.7` or `2001:db8::7`")
    };
    // No limit looks at the port.
    request.extensions_mut().insert(PeerAddr(SocketAddr::new(address, 50_000)));
    request
}
