//! Waiting for one's turn, and being under way. Both give back what they hold when they are dropped.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use limiter_core::time::Nanos;
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep_until};

use super::error::PacedError;
use super::origin::{Answer, Class, Origin, Reply, Ticket};
use super::table::Table;
use super::{fields, retry_after};

/// An origin, and the table whose time it counts in.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) origin: Arc<Mutex<Origin>>,
    pub(super) table: Arc<Table>,
}

/// A request that may have to wait.
#[derive(Debug)]
pub(super) struct Waiting {
    cell: Cell,
    class: Class,
    max_wait: Duration,
    deadline: Option<Nanos>,
    place: Option<u64>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    pub(super) fn new(cell: Cell, class: Class, max_wait: Duration) -> Self {
        Waiting { cell, class, max_wait, deadline: None, place: None, sleep: None }
    }

    /// Waits for the turn. The wait is counted from the first call.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Flight, PacedError>> {
        loop {
            let now = self.cell.table.now();
            let deadline = *self.deadline.get_or_insert_with(|| now.saturating_add(self.max_wait.into()));
            let reply = self.cell.origin.lock().ask(now, self.class, &mut self.place, deadline, cx.waker());
            let until = match reply {
                Reply::Go(ticket, next) => {
                    wake(next);
                    return Poll::Ready(Ok(Flight { cell: self.cell.clone(), ticket: Some(ticket) }));
                }
                Reply::TooLong(wait, next) => {
                    wake(next);
                    return Poll::Ready(Err(PacedError::new(wait.into(), self.max_wait)));
                }
                Reply::Wait(until) => self.cell.table.instant(until),
            };
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
            if sleep.deadline() != until {
                sleep.as_mut().reset(until);
            }
            ready!(sleep.as_mut().poll(cx));
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let next = self.cell.origin.lock().give_up(self.class, &mut self.place);
        wake(next);
    }
}

/// A request under way. Dropped without an answer, it counts as sent and not answered.
#[derive(Debug)]
pub(super) struct Flight {
    cell: Cell,
    ticket: Option<Ticket>,
}

impl Flight {
    /// Its answer has come.
    pub(super) fn land(mut self, status: StatusCode, headers: &HeaderMap) {
        let Some(ticket) = self.ticket.take() else { return };
        let wall = || self.cell.table.wall();
        let answer =
            Answer { status, retry_after: retry_after::seconds(headers, &wall), reports: fields::read(headers, &wall) };
        let now = self.cell.table.now();
        let woken = self.cell.origin.lock().answer(now, &ticket, &answer);
        wake(woken);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let woken = self.cell.origin.lock().abandon(&ticket);
            wake(woken);
        }
    }
}

/// Outside the lock: a waker may run anything.
fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
