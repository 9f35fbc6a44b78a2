//! Bytes on their way to the socket. Whoever puts down the last command of a full parcel writes it himself,
//! so that the server is at work while further ones are put down; what is left the driver writes.

use core::task::{Context, Poll};
use std::io;
use std::sync::Arc;

use super::Shared;

/// So many commands are a full parcel.
const PARCEL: u32 = 32;
/// Buffers larger than this are not kept.
const KEPT: usize = 64 << 10;

/// Where bytes go.
pub(super) trait Outlet: Send + Sync + 'static {
    /// Writes what can be written at once.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Whether something can be.
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl Outlet for tokio::net::tcp::OwnedWriteHalf {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.as_ref().try_write(bytes)
    }

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_ref().poll_write_ready(context)
    }
}

#[cfg(unix)]
impl Outlet for tokio::net::unix::OwnedWriteHalf {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.as_ref().try_write(bytes)
    }

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_ref().poll_write_ready(context)
    }
}

/// Bytes that nobody has taken to the socket.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) bytes: Vec<u8>,
    /// Commands among them.
    commands: u32,
    /// An empty buffer to go on with.
    spare: Vec<u8>,
    /// Where they go; nowhere while there is no connection.
    outlet: Option<Arc<dyn Outlet>>,
    /// Somebody is writing what comes before them.
    taken: bool,
}

/// Bytes that somebody is writing; nobody else does meanwhile.
pub(super) struct Parcel {
    bytes: Vec<u8>,
    outlet: Arc<dyn Outlet>,
}

impl Outgoing {
    /// From now on bytes go there.
    pub(super) fn open(&mut self, outlet: Arc<dyn Outlet>) {
        *self = Outgoing { outlet: Some(outlet), bytes: core::mem::take(&mut self.bytes), ..Outgoing::default() };
    }

    /// Nothing goes out any more.
    pub(super) fn close(&mut self) {
        *self = Outgoing::default();
    }

    /// One more command was put down: a parcel, if that makes it full.
    pub(super) fn parcel(&mut self) -> Option<Parcel> {
        self.commands += 1;
        if self.commands < PARCEL { None } else { self.take() }
    }

    /// All there is, unless somebody is writing.
    pub(super) fn take(&mut self) -> Option<Parcel> {
        if self.taken || self.bytes.is_empty() {
            return None;
        }
        let outlet = Arc::clone(self.outlet.as_ref()?);
        self.taken = true;
        self.commands = 0;
        Some(Parcel { bytes: core::mem::replace(&mut self.bytes, core::mem::take(&mut self.spare)), outlet })
    }

    /// So many bytes of a parcel were written. Whether there are some that nobody writes.
    fn posted(&mut self, mut parcel: Parcel, written: usize) -> bool {
        if !self.outlet.as_ref().is_some_and(|outlet| Arc::ptr_eq(outlet, &parcel.outlet)) {
            // It belongs to a connection that was given up.
            return false;
        }
        self.taken = false;
        parcel.bytes.drain(..written.min(parcel.bytes.len()));
        if parcel.bytes.is_empty() {
            parcel.bytes.shrink_to(KEPT);
            self.spare = parcel.bytes;
        } else {
            // What came meanwhile goes after it.
            parcel.bytes.append(&mut self.bytes);
            self.bytes = parcel.bytes;
        }
        !self.bytes.is_empty()
    }
}

impl Shared {
    /// Writes a parcel as far as that goes at once. What is wrong with the connection the driver finds out.
    pub(super) fn post(&self, parcel: Parcel) {
        let written = parcel.outlet.try_write(&parcel.bytes).unwrap_or(0);
        if self.desk.lock().outgoing.posted(parcel, written) {
            self.wake.notify_one();
        }
    }

    /// Writes what nobody else writes. Whether the connection takes no more for now.
    pub(super) fn flush(&self) -> io::Result<bool> {
        loop {
            let Some(parcel) = self.desk.lock().outgoing.take() else { return Ok(false) };
            let (written, stuck) = match parcel.outlet.try_write(&parcel.bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => (written, false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, true),
                Err(error) => return Err(error),
            };
            let more = self.desk.lock().outgoing.posted(parcel, written);
            if stuck || !more {
                return Ok(stuck);
            }
        }
    }
}
