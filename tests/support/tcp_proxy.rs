//! A proxy that does to a connection what networks do: it delays, dribbles, loses, cuts and resets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What happens to what the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It arrives.
    Clear,
    /// It arrives this much later.
    Delayed(Duration),
    /// Each piece arrives up to this much later, in order.
    Jittered(Duration),
    /// It arrives byte by byte.
    Dribbling,
    /// Nothing arrives, and the connection stays.
    BlackHole,
    /// So many bytes arrive, then the connection is closed for reading alone.
    HalfClosed(usize),
    /// So many bytes arrive, then the connection ends.
    Truncated(usize),
    /// So many bytes arrive, then the connection is reset.
    Reset(usize),
}

/// A proxy on a port of its own, gone when dropped.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

struct State {
    line: std::sync::Mutex<Line>,
    connections: AtomicUsize,
    chance: AtomicU64,
    streams: std::sync::Mutex<Vec<AbortHandle>>,
}

impl Proxy {
    /// Between whoever connects and `server`.
    pub async fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            line: std::sync::Mutex::new(Line::Clear),
            connections: AtomicUsize::new(0),
            chance: AtomicU64::new(7),
            streams: std::sync::Mutex::default(),
        });
        let accepted = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else { continue };
                accepted.connections.fetch_add(1, Ordering::SeqCst);
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let both = tokio::spawn(between(client, server, Arc::clone(&accepted)));
                accepted.streams.lock().expect("a list").push(both.abort_handle());
            }
        });
        Proxy { address, state, accepting: accepting.abort_handle() }
    }

    /// What the line is like from now on, for the connections that there are as well.
    pub fn set(&self, line: Line) {
        *self.state.line.lock().expect("a line") = line;
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.state.streams.lock().expect("a list").iter().for_each(AbortHandle::abort);
    }
}

async fn between(client: TcpStream, server: TcpStream, state: Arc<State>) {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    tokio::select! {
        () = up => {}
        () = down(from_server, to_client, &state) => {}
    }
}

/// What the server says, as the line has it. Returns when the connection is to end.
async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        let said = &buffer[..read];
        let line = *state.line.lock().expect("a line");
        let written = match line {
            Line::Clear => to.write_all(said).await,
            Line::Delayed(by) => {
                tokio::time::sleep(by).await;
                to.write_all(said).await
            }
            Line::Jittered(most) => {
                let chance = state.chance.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst) >> 33;
                tokio::time::sleep(most.mul_f64(chance as f64 / (1u64 << 31) as f64)).await;
                to.write_all(said).await
            }
            Line::Dribbling => {
                let mut written = Ok(());
                for byte in said {
                    written = to.write_all(core::slice::from_ref(byte)).await;
                    tokio::task::yield_now().await;
                }
                written
            }
            Line::BlackHole => Ok(()),
            Line::HalfClosed(bytes) => {
                let _ = to.write_all(&said[..bytes.min(read)]).await;
                let _ = to.shutdown().await;
                // The other way stays open.
                return core::future::pending().await;
            }
            Line::Truncated(bytes) => {
                let _ = to.write_all(&said[..bytes.min(read)]).await;
                return;
            }
            Line::Reset(bytes) => {
                let _ = to.write_all(&said[..bytes.min(read)]).await;
                let _ = to.as_ref().set_zero_linger();
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}
