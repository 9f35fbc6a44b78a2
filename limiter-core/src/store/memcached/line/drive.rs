//! Carrying commands to the socket and replies back, until something is out of order.

use core::future::poll_fn;
use core::pin::pin;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, sleep_until};

use super::outlet::Outlet;
use super::{Replies, Shared, Waiting};
use crate::store::memcached::fault::Fault;
use crate::store::memcached::protocol::decode;

/// Commands that were taken from the desk together.
struct Batch {
    left: usize,
    due: Instant,
}

/// Room for what comes in at once.
const INCOMING: usize = 16 << 10;

/// What was taken from the desk, to be answered.
#[derive(Default)]
struct Taken {
    waiting: VecDeque<Waiting>,
    /// What the first of them has been answered so far.
    replies: Replies,
    batches: VecDeque<Batch>,
}

/// Buffers larger than this are not kept.
const KEPT: usize = 64 << 10;

/// Drives a connection until it is out of order or the line is closed. Whoever awaited a reply by
/// then is told.
pub(super) async fn drive<R, W>(mut read: R, write: W, shared: &Shared, patience: Duration) -> Fault
where
    R: AsyncRead + Unpin,
    W: Outlet,
{
    let write = Arc::new(write);
    shared.desk.lock().outgoing.open(Arc::clone(&write) as _);
    let mut taken = Taken::default();
    // Whether the connection took no more.
    let mut stuck = false;
    let mut incoming = Vec::with_capacity(INCOMING);
    // One alarm for all: it is set anew where it goes off too early, not with each batch.
    let mut alarm = pin!(sleep_until(Instant::now() + patience));
    let fault = loop {
        let flushed = tokio::select! {
            biased;
            read = read.read_buf(&mut incoming) => match read {
                Ok(0) => break Fault::Broken("the server closed it".into()),
                Ok(_) => {
                    // Answers may be here to what was written before it was taken.
                    taken.take(shared, patience);
                    match answer(&mut incoming, &mut taken, shared) {
                        Ok(()) => continue,
                        Err(fault) => break fault,
                    }
                }
                Err(error) => break error.into(),
            },
            ready = poll_fn(|context| write.poll_ready(context)), if stuck => ready.and_then(|()| shared.flush()),
            () = shared.wake.notified() => {
                if !taken.take(shared, patience) {
                    break Fault::Down("the line was closed".into());
                }
                shared.flush()
            }
            () = &mut alarm, if !taken.batches.is_empty() => match taken.batches.front() {
                Some(batch) if batch.due > Instant::now() => {
                    alarm.as_mut().reset(batch.due);
                    continue;
                }
                _ => break Fault::Overdue,
            },
        };
        match flushed {
            Ok(full) => stuck = full,
            Err(error) => break error.into(),
        }
    };
    taken.take_last(shared);
    // Before anybody is told: whoever asks again must not end on this connection.
    shared.down(fault.to_string().into());
    for waiting in taken.waiting {
        shared.tell(waiting, Err(fault.clone()));
    }
    fault
}

impl Taken {
    /// Takes what is on the desk; `false` if the line is closed and nothing is awaited any more.
    fn take(&mut self, shared: &Shared, patience: Duration) -> bool {
        let mut desk = shared.desk.lock();
        if desk.closed && desk.waiting.is_empty() && self.waiting.is_empty() {
            return false;
        }
        if desk.waiting.is_empty() {
            return true;
        }
        self.batches.push_back(Batch { left: desk.waiting.len(), due: Instant::now() + patience });
        self.waiting.extend(desk.waiting.drain(..));
        true
    }

    /// Takes what was put down until now, of which some may have been written, and lets nothing more out.
    fn take_last(&mut self, shared: &Shared) {
        let mut desk = shared.desk.lock();
        desk.outgoing.close();
        self.waiting.extend(desk.waiting.drain(..));
    }

    /// One of the first batch has all its replies.
    fn finished(&mut self) -> Option<Waiting> {
        if let Some(batch) = self.batches.front_mut() {
            batch.left -= 1;
            if batch.left == 0 {
                self.batches.pop_front();
            }
        }
        self.waiting.pop_front()
    }
}

/// Hands out the replies that have come in whole.
fn answer(incoming: &mut Vec<u8>, taken: &mut Taken, shared: &Shared) -> Result<(), Fault> {
    let mut read = 0;
    while let Some((reply, bytes)) = decode(incoming.get(read..).unwrap_or_default())? {
        read += bytes;
        let Some(waiting) = taken.waiting.front() else {
            return Err(Fault::Broken("the server answered what nobody asked".into()));
        };
        taken.replies.push(reply);
        if taken.replies.len() == waiting.missing
            && let Some(waiting) = taken.finished()
        {
            shared.tell(waiting, Ok(&mut taken.replies));
            taken.replies.clear();
        }
    }
    if read == incoming.len() {
        incoming.clear();
        incoming.shrink_to(KEPT);
    } else {
        incoming.drain(..read);
    }
    Ok(())
}
