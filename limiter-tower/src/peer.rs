//! Who opened the connection, as the server noted it in the request.

use std::net::SocketAddr;

use http::Extensions;
use limiter_core::key::client_ip::Peer;

/// The address of the other end of the connection, put into the request's extensions by whoever
/// accepts connections.
///
/// axum does the same by itself when it serves with
/// `into_make_service_with_connect_info::<SocketAddr>()`; this type is for bare hyper, for tonic,
/// and for listeners that speak the PROXY protocol. If both are there, this one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// Says that the connection came over a Unix socket, which has no address. Put into the request's
/// extensions by whoever accepts connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerUnix;

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
