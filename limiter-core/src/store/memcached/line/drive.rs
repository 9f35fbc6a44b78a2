//! Carrying commands to the socket and replies back, until something is out of order.

use core::pin::pin;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

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

/// What was taken from the desk: some of it is still to be written, all of it is to be answered.
#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    written: usize,
    waiting: VecDeque<Waiting>,
    /// What the first of them has been answered so far.
    replies: Replies,
    batches: VecDeque<Batch>,
}

/// Buffers larger than this are not kept.
const KEPT: usize = 64 << 10;

/// Drives a connection until it is out of order or the line is closed. Whoever awaited a reply by
/// then is told.
pub(super) async fn drive<R, W>(mut read: R, mut write: W, shared: &Shared, patience: Duration) -> Fault
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut taken = Taken::default();
    let mut incoming = Vec::with_capacity(INCOMING);
    // Whether there was something to read since others had a turn.
    let mut patient = false;
    // One alarm for all: it is set anew where it goes off too early, not with each batch.
    let mut alarm = pin!(sleep_until(Instant::now() + patience));
    let fault = loop {
        let unwritten = taken.bytes.get(taken.written..).unwrap_or_default();
        tokio::select! {
            biased;
            read = read.read_buf(&mut incoming) => match read {
                Ok(0) => break Fault::Broken("the server closed it".into()),
                Ok(_) => {
                    if let Err(fault) = answer(&mut incoming, &mut taken) {
                        break fault;
                    }
                    patient = true;
                }
                Err(error) => break error.into(),
            },
            written = write.write(unwritten), if !unwritten.is_empty() => match written {
                Ok(0) => break Fault::Broken("the server takes nothing".into()),
                Ok(bytes) => taken.wrote(bytes),
                Err(error) => break error.into(),
            },
            () = shared.wake.notified() => {
                if patient && taken.outweighs(shared) {
                    // The server has enough to do. Whoever was just told has his turn first, so that what he
                    // asks next is written together with what is there: half as many writes where many ask.
                    patient = false;
                    shared.wake.notify_one();
                    yield_now().await;
                    continue;
                }
                if !taken.take(shared, patience) {
                    break Fault::Down("the line was closed".into());
                }
            }
            () = &mut alarm, if !taken.batches.is_empty() => match taken.batches.front() {
                Some(batch) if batch.due > Instant::now() => alarm.as_mut().reset(batch.due),
                _ => break Fault::Overdue,
            },
        }
        shared.awaited.store(taken.waiting.len(), Ordering::Relaxed);
    };
    shared.awaited.store(0, Ordering::Relaxed);
    // Before anybody is told: whoever asks again must not end on this connection.
    shared.down(fault.to_string().into());
    for waiting in taken.waiting {
        waiting.tell(Err(fault.clone()));
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
        if self.bytes.is_empty() {
            core::mem::swap(&mut self.bytes, &mut desk.outgoing);
        } else {
            self.bytes.append(&mut desk.outgoing);
        }
        true
    }

    /// Whether more is awaited than was put down since.
    fn outweighs(&self, shared: &Shared) -> bool {
        shared.desk.lock().waiting.len() < self.waiting.len()
    }

    fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= self.bytes.len() {
            self.written = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        }
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
fn answer(incoming: &mut Vec<u8>, taken: &mut Taken) -> Result<(), Fault> {
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
            waiting.tell(Ok(&mut taken.replies));
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
