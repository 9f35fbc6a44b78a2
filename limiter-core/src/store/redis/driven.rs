//! Work that whoever waits for it drives along, and that goes on by itself once nobody does.

use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use super::engine::Answered;
use super::grants::Unclaimed;
use crate::store::{BoxFuture, Reply};

/// An answer, and slots that nobody has taken yet.
type Told = (Answered, Option<Unclaimed>);

/// The answer to work that is under way. Dropped before, it leaves the rest to a task, so that the work is
/// seen to its end and what it took is given back.
pub(super) struct Driven {
    work: Option<BoxFuture<Told>>,
    runtime: Handle,
}

impl Driven {
    /// Begins the work, as far as it goes without waiting: what is to be sent is with the connection.
    pub(super) fn begin(runtime: &Handle, mut work: BoxFuture<Told>) -> Reply<Answered> {
        let begun = {
            // Timers belong to the runtime of the store, wherever the caller is.
            let _within = runtime.enter();
            work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        match begun {
            Poll::Ready(told) => Reply::Now(claimed(told)),
            Poll::Pending => Reply::Later(Box::pin(Driven { work: Some(work), runtime: runtime.clone() })),
        }
    }
}

impl Future for Driven {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let Poll::Ready(told) = work.as_mut().poll(context) else { return Poll::Pending };
        self.work = None;
        Poll::Ready(claimed(told))
    }
}

fn claimed((answer, unclaimed): Told) -> Answered {
    unclaimed.into_iter().for_each(Unclaimed::claim);
    answer
}

impl Drop for Driven {
    fn drop(&mut self) {
        if let Some(work) = mem::take(&mut self.work) {
            // What is sent to nobody is unclaimed.
            self.runtime.spawn(async move { drop(work.await) });
        }
    }
}
