//! The observer: told about every decision, never asked.

use core::cell::Cell;
use std::time::Duration;

use http::request::Parts;

use super::Warning;
use crate::decision::Decision;
use crate::key::Key;
use crate::store::StoreError;

/// Is told about every decision. All methods do nothing by default, but for warnings, which go to
/// standard error. Methods run on the request's path: they must be quick and must not block.
pub trait Observer: Send + Sync + 'static {
    /// A request passed.
    fn on_allow(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// A request was refused.
    fn on_deny(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// The store could not decide.
    fn on_store_error(&self, failure: &StoreFailure<'_>) {
        let _ = failure;
    }

    /// The store decides again after it could not. Told once for each outage, by the first decision
    /// that the store makes.
    fn on_store_recovery(&self, recovery: &StoreRecovery) {
        let _ = recovery;
    }

    /// Somebody stood in line, and that is over: a request that was held, or one who acquires. Not told
    /// of those who left the line because they were dropped.
    fn on_wait(&self, wait: &WaitOver) {
        let _ = wait;
    }

    /// Something should be mended. Called once for each cause.
    fn on_warning(&self, warning: &Warning) {
        print(warning);
    }
}

#[expect(clippy::print_stderr, reason = "a library without a logger has no other way to be heard")]
fn print(warning: &Warning) {
    if PRINTED.get() != Some(true) {
        eprintln!("{warning}");
        PRINTED.set(PRINTED.get().map(|_| true));
    }
}

thread_local! {
    /// Whether a warning that goes to several observers was printed by one of them.
    static PRINTED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Has a warning printed once, however many observers that `tell` tells would.
pub(super) fn print_once(tell: impl FnOnce()) {
    struct Restore(Option<bool>);
    impl Drop for Restore {
        fn drop(&mut self) {
            PRINTED.set(self.0);
        }
    }
    let _restore = Restore(PRINTED.replace(Some(false)));
    tell();
}

/// One decision, borrowed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The answer, with a usage for each rule consulted.
    pub decision: &'a Decision,
    /// Who asked: one key for each usage, in the same order. Of a request that an access list turned
    /// away, the key that is on the list.
    pub keys: &'a [Key],
    /// The head of the request, where there is one.
    pub request: Option<&'a Parts>,
}

/// A store that could not decide.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StoreFailure<'a> {
    /// What went wrong.
    pub error: &'a StoreError,
    /// What was decided without it.
    pub decision: &'a Decision,
}

/// A store that decides again.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StoreRecovery {
    /// Since when it could not, on this limiter's clock.
    pub outage: Duration,
    /// How many decisions were made without it.
    pub decisions: u64,
}

/// The end of a time in line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WaitOver {
    /// How long it took, on this limiter's clock.
    pub waited: Duration,
    /// Whether it was worth the while.
    pub allowed: bool,
}

/// The observer of a limiter that has no other: passes warnings on to standard error.
#[derive(Clone, Copy, Debug, Default)]
pub struct WarnOnly;

impl Observer for WarnOnly {}
