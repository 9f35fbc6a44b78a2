//! One connection to one server, shared by everybody.
//!
//! Commands are written in the order in which they were handed in, without waiting for replies, and
//! replies are matched to commands by that order. So that they can never be crossed:
//!
//! * A command and whoever awaits its reply are put down under one lock.
//! * A reply is taken from the stream whether or not somebody still wants it.
//! * After anything out of order (a malformed reply, a reply that is overdue, a broken socket) the
//!   connection is given up, and all who wait on it are told that they will not know.
//!
//! A connection that was given up is made anew in the background. Meanwhile nobody waits: commands
//! fail at once.

mod address;
mod drive;
mod keep;

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::{Notify, oneshot};

use super::fault::Fault;
use super::protocol::{Command, Reply};

pub(super) use address::{Address, AddressError};
pub(super) use keep::{Patience, open};

/// The replies to the commands that were handed in together.
pub(super) type Replies = SmallVec<[Reply; 2]>;

/// Who awaits replies. It is told where the connection is driven, so it must be brief.
pub(super) trait Awaits: Send + Sync {
    /// A reply for each command, or what went wrong. Called once.
    fn told(self: Arc<Self>, replies: Result<&[Reply], Fault>);
}

/// What is done with replies, under the same terms.
type Then = Box<dyn FnOnce(Result<Replies, Fault>) + Send>;

/// Answers awaited at once. Beyond it the server is far behind, and waiting in line is no use.
const MOST_AWAITED: usize = 1 << 16;

/// A handle on a connection. The connection is closed with the last of them.
#[derive(Clone)]
pub(super) struct Line {
    shared: Arc<Shared>,
    _open: Arc<Closer>,
}

struct Shared {
    address: Address,
    desk: Mutex<Desk>,
    /// There is something on the desk, or the line is closed.
    wake: Notify,
    /// How many are awaited that were taken to the socket: the driver alone says so.
    awaited: AtomicUsize,
}

/// What was handed in and not yet taken to the socket.
struct Desk {
    /// Why nothing can be handed in.
    down: Option<Fault>,
    closed: bool,
    outgoing: Vec<u8>,
    waiting: Vec<Waiting>,
}

/// Somebody who awaits so many replies.
struct Waiting {
    missing: usize,
    who: Who,
}

enum Who {
    Asker(Arc<dyn Awaits>),
    Caller(Then),
    Nobody,
}

impl Waiting {
    fn tell(mut self, replies: Result<&mut Replies, Fault>) {
        match core::mem::replace(&mut self.who, Who::Nobody) {
            Who::Asker(asker) => asker.told(replies.map(|replies| replies.as_slice())),
            Who::Caller(then) => then(replies.map(core::mem::take)),
            Who::Nobody => {}
        }
    }
}

/// The runtime that drove the line was shut down: nobody is to wait for what never comes.
impl Drop for Waiting {
    fn drop(&mut self) {
        if let Who::Asker(asker) = core::mem::replace(&mut self.who, Who::Nobody) {
            asker.told(Err(Fault::Down("the line was closed".into())));
        }
    }
}

/// Closes the line when the last handle is dropped.
struct Closer(Arc<Shared>);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.desk.lock().closed = true;
        self.0.wake.notify_one();
    }
}

impl Line {
    fn new(address: Address) -> (Self, Arc<Shared>) {
        let down = Some(Fault::Down("not yet connected".into()));
        let shared = Arc::new(Shared {
            address,
            desk: Mutex::new(Desk { down, closed: false, outgoing: Vec::new(), waiting: Vec::new() }),
            wake: Notify::new(),
            awaited: AtomicUsize::new(0),
        });
        (Line { shared: Arc::clone(&shared), _open: Arc::new(Closer(Arc::clone(&shared))) }, shared)
    }

    pub(super) fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Hands in commands, to be carried out one right after the other. They are under way when this
    /// returns, and `then` is called exactly once: with a reply for each of them, or with a fault.
    pub(super) fn send(&self, commands: &[Command<'_>], then: impl FnOnce(Result<Replies, Fault>) + Send + 'static) {
        self.hand_in(commands, Who::Caller(Box::new(then)));
    }

    /// As [`send`](Self::send), for somebody who is there already.
    pub(super) fn send_for(&self, commands: &[Command<'_>], asker: Arc<dyn Awaits>) {
        self.hand_in(commands, Who::Asker(asker));
    }

    fn hand_in(&self, commands: &[Command<'_>], who: Who) {
        let waiting = Waiting { missing: commands.len(), who };
        let mut desk = self.shared.desk.lock();
        if desk.waiting.len().saturating_add(self.shared.awaited.load(Ordering::Relaxed)) >= MOST_AWAITED {
            drop(desk);
            return waiting.tell(Err(Fault::Crowded));
        }
        if let Some(fault) = desk.down.clone() {
            drop(desk);
            return waiting.tell(Err(fault));
        }
        let first = desk.waiting.is_empty();
        for command in commands {
            command.encode(&mut desk.outgoing);
        }
        desk.waiting.push(waiting);
        drop(desk);
        if first {
            self.shared.wake.notify_one();
        }
    }

    /// As [`send`](Self::send), for those who wait. Dropping the future abandons the answer alone.
    pub(super) fn ask(&self, commands: &[Command<'_>]) -> impl Future<Output = Result<Replies, Fault>> + use<> {
        let (tell, told) = oneshot::channel();
        self.send(commands, move |replies| {
            // Whoever asked may have left.
            let _ = tell.send(replies);
        });
        async move { told.await.unwrap_or_else(|_| Err(Fault::Down("the line was closed".into()))) }
    }
}

impl Shared {
    /// From now on commands are accepted.
    fn up(&self) {
        self.desk.lock().down = None;
    }

    /// From now on nothing is accepted. What was not taken to the socket is told so.
    fn down(&self, why: Arc<str>) {
        let fault = Fault::Down(why);
        let waiting = {
            let mut desk = self.desk.lock();
            desk.down = Some(fault.clone());
            desk.outgoing.clear();
            core::mem::take(&mut desk.waiting)
        };
        for one in waiting {
            one.tell(Err(fault.clone()));
        }
    }

    fn is_closed(&self) -> bool {
        self.desk.lock().closed
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("address", &self.shared.address).finish_non_exhaustive()
    }
}
