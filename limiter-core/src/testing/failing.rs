//! A store that fails on command, to see what an application does then.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::store::{Answer, Capabilities, Operation, Reply, Store, StoreError};

/// How a store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It does what it was asked, and its answer does not arrive in time.
    Timeout,
    /// It cannot be reached, and does nothing.
    Unavailable,
    /// It holds something under this key that nobody can decide by, and does nothing.
    Foreign,
}

/// A store around another that fails, or answers late, when its [`Switch`] says so.
///
/// ```
/// use limiter_core::testing::{FailingStore, Failure};
/// use limiter_core::{Limiter, OnStoreError, Policy, Rule, key::Key, store::memory::MemoryStore};
///
/// let store = FailingStore::new(MemoryStore::new());
/// let switch = store.switch();
/// let limiter = Limiter::builder().store(store).build();
/// let policy = Policy::new("pay", [Rule::new("2/min".parse()?).on_store_error(OnStoreError::Closed)])?;
/// assert!(limiter.check(&policy, &Key::from(7u64)).is_allowed());
/// switch.fail(Failure::Unavailable);
/// assert!(!limiter.check(&policy, &Key::from(7u64)).is_allowed());
/// switch.recover();
/// assert!(limiter.check(&policy, &Key::from(7u64)).is_allowed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FailingStore<S> {
    inner: S,
    switch: Switch,
}

/// Commands a [`FailingStore`]; clones command the same one.
#[derive(Clone, Debug, Default)]
pub struct Switch {
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    /// What the next operations meet, one each.
    next: VecDeque<Option<Failure>>,
    /// What all operations after those meet.
    then: Option<Failure>,
    later: bool,
    submitted: u64,
}

impl<S: Store> FailingStore<S> {
    /// A store that works until it is told otherwise.
    #[must_use]
    pub fn new(inner: S) -> Self {
        FailingStore { inner, switch: Switch::default() }
    }

    /// What commands this store.
    #[must_use]
    pub fn switch(&self) -> Switch {
        self.switch.clone()
    }
}

impl Switch {
    /// Fails every operation from now on.
    pub fn fail(&self, failure: Failure) {
        let mut script = self.script.lock();
        script.next.clear();
        script.then = Some(failure);
    }

    /// Plays a script, one step for each of the next operations: a failure, or `None` to work.
    pub fn play(&self, steps: impl IntoIterator<Item = Option<Failure>>) {
        self.script.lock().next.extend(steps);
    }

    /// Works from now on.
    pub fn recover(&self) {
        let mut script = self.script.lock();
        script.next.clear();
        script.then = None;
    }

    /// Whether answers, failures among them, come later rather than at once.
    pub fn answer_later(&self, later: bool) {
        self.script.lock().later = later;
    }

    /// How many operations were submitted so far.
    #[must_use]
    pub fn submitted(&self) -> u64 {
        self.script.lock().submitted
    }
}

impl<S: Store> Store for FailingStore<S> {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        let (failure, later) = {
            let mut script = self.switch.script.lock();
            script.submitted += 1;
            (script.next.pop_front().unwrap_or(script.then), script.later)
        };
        let reply = match failure {
            None => self.inner.submit(operation),
            Some(Failure::Timeout) => {
                let _: Reply<_> = self.inner.submit(operation);
                Reply::Now(Err(StoreError::timeout()))
            }
            Some(Failure::Foreign) => Reply::Now(Err(StoreError::foreign(io::Error::from(io::ErrorKind::InvalidData)))),
            Some(Failure::Unavailable) => {
                Reply::Now(Err(StoreError::unavailable(io::Error::from(io::ErrorKind::ConnectionRefused))))
            }
        };
        match reply {
            Reply::Now(answer) if later => Reply::Later(Box::pin(async move {
                PendingOnce(false).await;
                answer
            })),
            reply => reply,
        }
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn behind(&self) -> Option<&dyn Store> {
        Some(&self.inner)
    }
}

/// Gives way once, as everything that waits for a network does.
struct PendingOnce(bool);

impl Future for PendingOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
