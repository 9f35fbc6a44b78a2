//! What a limit's fields say of the limit itself is the same in each answer: written once, and then copied.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use limiter_core::{Declared, Policy};

use super::adapter::{unit_of, whole};
use super::choice::Reason;
use super::draft11;
use super::lines::Lines;
use super::view::PolicyView;
use super::wire::Wire;

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
    /// The problem documents that tell of this limit alone, by the reason.
    problems: [OnceLock<Bytes>; 3],
}

/// What stands written of the rules of one policy, by their place in it.
#[derive(Debug)]
pub(crate) struct Shelf(Box<[Place]>);

#[derive(Debug)]
struct Place {
    /// The limit as the rule declares it, written when the layer is made.
    declared: Option<Written>,
    /// The first other limit that was met in its place: by an override of the limiter, a unit that the application's
    /// wire tells of, or a quota of the caller's own.
    met: OnceLock<Option<Written>>,
}

/// Where on the shelf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    index: u16,
    is_declared: bool,
}

impl Shelf {
    /// The limits of a policy, in the units of a wire that is known already.
    pub(crate) fn new(policy: &Policy, wire: Option<&Wire>) -> Self {
        let unknown = Wire::new();
        let wire = wire.unwrap_or(&unknown);
        let place = |declared: Declared<'_>| {
            let view = PolicyView {
                name: declared.name(),
                quota: declared.limit(),
                window: declared.window().map(|window| whole(window, declared.limit())),
                unit: unit_of(wire, declared.name(), declared.algorithm()),
                partition: None,
                written: None,
            };
            Place { declared: Written::new(&view), met: OnceLock::new() }
        };
        Shelf(policy.declared().map(place).collect())
    }

    /// What stands written of the rule at `index`. `None` if this is neither the declared limit nor the one that was
    /// met there first.
    #[inline]
    pub(super) fn of(&self, index: usize, policy: &PolicyView<'_>) -> Option<&Written> {
        self.at(self.find(index, policy)?)
    }

    /// Where that stands.
    #[inline]
    pub(super) fn find(&self, index: usize, policy: &PolicyView<'_>) -> Option<Spot> {
        let place = self.0.get(index)?;
        let is = |written: &Written| written.of.says_what(policy);
        let is_declared = place.declared.as_ref().is_some_and(is);
        if !is_declared && !place.met.get_or_init(|| Written::new(policy)).as_ref().is_some_and(is) {
            return None;
        }
        Some(Spot { index: u16::try_from(index).ok()?, is_declared })
    }

    #[inline]
    pub(super) fn at(&self, spot: Spot) -> Option<&Written> {
        let place = self.0.get(usize::from(spot.index))?;
        if spot.is_declared { place.declared.as_ref() } else { place.met.get()?.as_ref() }
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
            problems: Default::default(),
        })
    }

    /// The problem document that tells of this limit alone, and why it refuses.
    pub(crate) fn problem(&self, reason: Reason, write: impl FnOnce() -> Bytes) -> Bytes {
        let [abnormal, spent, short] = &self.problems;
        let known = match reason {
            Reason::AbnormalUsage => abnormal,
            Reason::QuotaExceeded => spent,
            Reason::ReducedCapacity => short,
        };
        let keep = |text: Bytes| match core::str::from_utf8(&text) {
            Ok(text) => Bytes::from_static(kept(text).as_bytes()),
            Err(_) => text,
        };
        known.get_or_init(|| keep(write())).clone()
    }

    /// The limit that this is written of.
    #[inline]
    pub(super) fn view(&self) -> PolicyView<'_> {
        let PolicyView { name, quota, window, unit, .. } = self.of;
        PolicyView { name, quota, window, unit, partition: None, written: Some(self) }
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
