//! Accepts connections, and reads from trusted peers whom they speak for before anything else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use limiter_tower::key::AddressSet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::header;

/// A proxy sends its line with the connection; more than a lost packet's time is not needed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that were read but not taken yet.
const READY: usize = 128;

/// A [`Listener`] whose addresses are those that the PROXY protocol yields.
pub struct ProxyListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TcpStream, SocketAddr)>,
}

impl ProxyListener {
    /// Starts to accept. `proxies` have to speak the PROXY protocol, others must not.
    pub fn new(listener: TcpListener, proxies: AddressSet) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (send, ready) = mpsc::channel(READY);
        tokio::spawn(accept(listener, Arc::new(proxies), send));
        Ok(ProxyListener { address, ready })
    }
}

async fn accept(mut listener: TcpListener, proxies: Arc<AddressSet>, ready: mpsc::Sender<(TcpStream, SocketAddr)>) {
    loop {
        // The trait's own `accept` waits a while when the process is out of sockets.
        let (mut stream, peer) = Listener::accept(&mut listener).await;
        let (proxies, ready) = (Arc::clone(&proxies), ready.clone());
        // Each on its own: a peer that is slow to say whom it speaks for holds up nobody else.
        tokio::spawn(async move {
            let client = if proxies.contains(peer.ip()) {
                match timeout(PATIENCE, header::read(&mut stream)).await {
                    // LOCAL and UNKNOWN: the proxy speaks for itself, as in a health check.
                    Ok(Ok(client)) => client.unwrap_or(peer),
                    Ok(Err(_)) | Err(_) => return,
                }
            } else {
                peer
            };
            // Nobody listens any more: the server has ended.
            let _ = ready.send((stream, client)).await;
        });
    }
}

impl Listener for ProxyListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
