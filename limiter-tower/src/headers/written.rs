//! What a limit's fields say of the limit itself is the same in each answer: written once, and then copied.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use http::HeaderValue;

use super::draft11;
use super::lines::Lines;
use super::view::PolicyView;

/// The unchanging parts of the fields of one limit, and which limit that is.
#[derive(Debug)]
pub(crate) struct Written {
    of: PolicyView<'static>,
    /// The member of `RateLimit-Policy`, which is a whole line where there is one policy.
    pub(super) policy: HeaderValue,
    /// How the member of `RateLimit` begins.
    pub(super) item: &'static str,
    /// The legacy limit.
    pub(super) quota: HeaderValue,
}

/// Room for the rules of one policy, by their place in it.
#[derive(Debug)]
pub(crate) struct Shelf(Box<[OnceLock<Option<Written>>]>);

impl Shelf {
    pub(crate) fn new(rules: usize) -> Self {
        Shelf((0..rules).map(|_| OnceLock::new()).collect())
    }

    /// What stands written of the rule at `index`. `None` if this is not the limit that was met there first: a
    /// caller with a quota of its own, or another name for the wire to tell.
    #[inline]
    pub(super) fn of(&self, index: usize, policy: &PolicyView<'_>) -> Option<&Written> {
        let written = self.0.get(index)?.get_or_init(|| Written::new(policy)).as_ref()?;
        written.of.says_what(policy).then_some(written)
    }
}

impl Written {
    fn new(policy: &PolicyView<'_>) -> Option<Self> {
        let text = |write: &dyn Fn(&mut Lines<'_>)| {
            let mut lines = Lines::new();
            write(&mut lines);
            core::str::from_utf8(lines.as_bytes()).ok().map(kept)
        };
        let value = |text: &'static str| HeaderValue::from_maybe_shared(Bytes::from_static(text.as_bytes())).ok();
        Some(Written {
            of: PolicyView {
                name: kept(policy.name),
                quota: policy.quota,
                window: policy.window,
                unit: policy.unit.map(kept),
                partition: None,
                written: None,
            },
            policy: value(text(&|lines| draft11::policy(lines, policy))?)?,
            item: text(&|lines| draft11::item(lines, policy))?,
            quota: value(text(&|lines| lines.number(policy.quota))?)?,
        })
    }
}

/// The same text as part of the program, so that a copy of it touches no counter that other threads touch. Each is
/// kept once, for as long as the process lives; quotas that callers bring never come here more than one a rule.
fn kept(text: &str) -> &'static str {
    static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    // Nothing panics while it holds the lock.
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(Box::from(text));
    kept.insert(new);
    new
}
