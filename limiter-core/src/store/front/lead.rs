//! Questions under way that whoever asked first drives along, without a task.
//!
//! Somebody else may come to depend on them: then they are handed to a task, since nobody is to wait for
//! whether another polls his future. So they are when whoever asked first goes away.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::flights::Told;
use super::pass::Lost;
use crate::store::{BoxFuture, StoreError};

/// Where the questions are.
#[derive(Default)]
enum Whose {
    /// With whoever asked first, who looks in before and after polling them.
    #[default]
    First,
    /// Here, for whoever takes them.
    Nobody(BoxFuture<()>),
    /// With a task, or about to be.
    Task,
}

/// What is under way about some keys, where others find it.
#[derive(Default)]
pub(super) struct Lead(Mutex<Whose>);

impl Lead {
    /// Somebody depends on it who did not ask first.
    pub(super) fn hand_over(&self, runtime: &Handle) {
        let before = core::mem::replace(&mut *self.0.lock(), Whose::Task);
        if let Whose::Nobody(work) = before {
            runtime.spawn(work);
        }
    }

    fn take(&self) -> Option<BoxFuture<()>> {
        let mut whose = self.0.lock();
        match core::mem::take(&mut *whose) {
            Whose::Nobody(work) => Some(work),
            other => {
                *whose = other;
                None
            }
        }
    }

    /// Leaves it for whoever needs it next; somebody may have come for it meanwhile.
    pub(super) fn put(&self, work: BoxFuture<()>, runtime: &Handle) {
        let mut whose = self.0.lock();
        if matches!(*whose, Whose::Task) {
            drop(whose);
            runtime.spawn(work);
        } else {
            *whose = Whose::Nobody(work);
        }
    }
}

impl core::fmt::Debug for Lead {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lead").finish_non_exhaustive()
    }
}

/// The answer for whoever asked first.
pub(super) struct Leading {
    pub(super) lead: Arc<Lead>,
    pub(super) told: oneshot::Receiver<Told>,
    pub(super) runtime: Handle,
}

impl Future for Leading {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Told> {
        // Not under the lock: whom it wakes may ask about the same keys.
        if let Some(mut work) = self.lead.take() {
            let polled = {
                // Timers belong to a runtime, wherever this is polled.
                let _within = self.runtime.enter();
                work.as_mut().poll(context)
            };
            if polled.is_pending() {
                self.lead.put(work, &self.runtime);
            }
        }
        let told = Pin::new(&mut self.told).poll(context);
        told.map(|told| told.unwrap_or_else(|_| Err(StoreError::unavailable(Lost))))
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        if let Some(work) = self.lead.take() {
            self.runtime.spawn(work);
        }
    }
}
