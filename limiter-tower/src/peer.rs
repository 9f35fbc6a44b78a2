//! Who opened the connection, as the server noted it in the request.

use std::net::{Ipv4Addr, SocketAddr};

use http::Extensions;
use limiter_core::key::client_ip::Peer;

/// The address of the other end of the connection, put into the request's extensions by whoever
/// accepts connections.
///
/// axum does the same by itself when it serves with
/// `into_make_service_with_connect_info::<SocketAddr>()`; this type is for bare hyper, for tonic,
/// and for listeners that speak the PROXY protocol. If both are there, this one counts.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
///
/// use http::{Request, Response, StatusCode};
/// use limiter_tower::{PeerAddr, RateLimitLayer};
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limited = RateLimitLayer::per_ip("1/min")?
///     .layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
///
/// // What an accept loop does: one service for each connection.
/// let connection = |peer: SocketAddr| {
///     let mut limited = limited.clone();
///     service_fn(move |mut request: Request<String>| {
///         request.extensions_mut().insert(PeerAddr(peer));
///         limited.call(request)
///     })
/// };
/// let peer: SocketAddr = "192.0.2.1:4711".parse()?;
/// let mut connection = connection(peer);
/// assert_eq!(connection.ready().await?.call(Request::new(String::new())).await?.status(), StatusCode::OK);
/// let refused = connection.ready().await?.call(Request::new(String::new())).await?;
/// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// Says that the connection came over a Unix socket, which has no address. Put into the request's
/// extensions by whoever accepts connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerUnix;

/// The other end of the connection, where nothing else was noted in the request (which of several notes counts is no
/// question then) and it is an IPv4 address, as it is most often.
#[inline(always)]
pub(crate) fn lone_v4(extensions: &Extensions) -> Option<Ipv4Addr> {
    if extensions.len() != 1 {
        return None;
    }
    #[cfg(feature = "axum")]
    let address = extensions.get().map(|axum::extract::ConnectInfo::<SocketAddr>(address)| address);
    #[cfg(not(feature = "axum"))]
    let address = extensions.get().map(|PeerAddr(address)| address);
    match address {
        Some(SocketAddr::V4(v4)) => Some(*v4.ip()),
        _ => None,
    }
}

/// The other end of the connection, as far as the server noted it.
pub(crate) fn peer_of(extensions: &Extensions) -> Peer {
    if let Some(PeerAddr(address)) = extensions.get() {
        return Peer::from(*address);
    }
    if extensions.get::<PeerUnix>().is_some() {
        return Peer::Unix;
    }
    #[cfg(feature = "axum")]
    if let Some(address) = axums_peer(extensions) {
        return Peer::from(address);
    }
    Peer::Unknown
}

#[cfg(feature = "axum")]
fn axums_peer(extensions: &Extensions) -> Option<SocketAddr> {
    use axum::extract::ConnectInfo;
    use axum::extract::connect_info::MockConnectInfo;

    if let Some(ConnectInfo(address)) = extensions.get() {
        return Some(*address);
    }
    // What axum's own extractor falls back to, so that tests which mock the address work here too.
    extensions.get().map(|MockConnectInfo(address)| *address)
}
