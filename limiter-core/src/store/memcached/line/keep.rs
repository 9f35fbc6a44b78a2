//! Keeping a connection: made, driven, and made anew when it was given up.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::drive::drive;
use super::{Address, Line, Shared};
use crate::store::attempts::{Attempts, FIRST_PAUSE};
use crate::store::memcached::fault::Fault;
use crate::store::memcached::protocol::{Command, Reply, decode};

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::memcached) struct Patience {
    /// For a connection, the first reply included.
    pub(in crate::store::memcached) connect: Duration,
    /// For the reply to a command that was sent.
    pub(in crate::store::memcached) reply: Duration,
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

impl Stream {
    /// Drives it until it is out of order.
    async fn driven(self, shared: &Shared, patience: Duration) {
        match self {
            Stream::Tcp(tcp) => {
                let (read, write) = tcp.into_split();
                drive(read, write, shared, patience).await
            }
            #[cfg(unix)]
            Stream::Unix(unix) => {
                let (read, write) = unix.into_split();
                drive(read, write, shared, patience).await
            }
        };
    }
}

/// Connects, and keeps connected from then on in the background.
///
/// # Errors
///
/// When the server cannot be reached, or is no Memcached that knows meta commands.
pub(in crate::store::memcached) async fn open(address: Address, patience: Patience) -> Result<Line, Fault> {
    let stream = dial(&address, patience).await?;
    let (line, shared) = Line::new(address);
    shared.up();
    tokio::spawn(keep(shared, stream, patience));
    Ok(line)
}

/// Nobody drives the line any more: its runtime may have ended before it.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.down("the line was closed".into());
    }
}

async fn keep(shared: Arc<Shared>, first: Stream, patience: Patience) {
    let _ended = Ended(Arc::clone(&shared));
    let mut stream = Some(first);
    let mut attempts = Attempts::after(FIRST_PAUSE);
    while !shared.is_closed() {
        let next = match stream.take() {
            Some(stream) => Ok(stream),
            None => dial(&shared.address, patience).await,
        };
        match next {
            Ok(stream) => {
                shared.up();
                stream.driven(&shared, patience.reply).await;
                attempts = Attempts::after(FIRST_PAUSE);
            }
            Err(fault) => shared.down(fault.to_string().into()),
        }
        attempts.next().await;
    }
}

async fn dial(address: &Address, patience: Patience) -> Result<Stream, Fault> {
    let greeted = async {
        match address {
            Address::Tcp(at) => {
                let mut tcp = TcpStream::connect(at.as_str()).await.map_err(unreachable(address))?;
                tcp.set_nodelay(true)?;
                greet(&mut tcp).await?;
                Ok(Stream::Tcp(tcp))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let mut unix = tokio::net::UnixStream::connect(path).await.map_err(unreachable(address))?;
                greet(&mut unix).await?;
                Ok(Stream::Unix(unix))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(Fault::Down("there are no such sockets here".into())),
        }
    };
    timeout(patience.connect, greeted)
        .await
        .unwrap_or_else(|_| Err(Fault::Down(format!("{address} did not answer within {:?}", patience.connect).into())))
}

fn unreachable(address: &Address) -> impl FnOnce(io::Error) -> Fault {
    let address = address.to_string();
    move |error| Fault::Down(format!("{address}: {error}").into())
}

/// Makes sure that there is somebody who speaks the protocol: a stopped server still lets others
/// connect, and answers nothing.
async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    Command::NoOp.encode(&mut bytes);
    stream.write_all(&bytes).await?;
    bytes.clear();
    loop {
        match decode(&bytes)? {
            Some((Reply::Done { .. }, taken)) if taken == bytes.len() => return Ok(()),
            Some(_) => return Err(Fault::unexpected()),
            None => {}
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(Fault::Broken("the server closed it".into()));
        }
    }
}
