//! What stands before the rules: lists of clients that never get in and of those that are not limited.

use std::sync::Arc;

use http::HeaderMap;

use super::{Inner, Limiter, Ruling};
use crate::access::{AccessList, Standing};
use crate::decision::{Decision, Source};
use crate::event::Event;
use crate::key::client_ip::{Peer, Reloaded, ResolveError, Resolved};
use crate::key::{Key, KeyContext};

impl Reloaded for Inner {
    fn reloaded(self: Arc<Self>) {
        let limiter = Limiter { inner: self };
        limiter.inner.doctor.start_again();
        limiter.look_at_networks();
    }
}

impl Limiter {
    /// The list of clients that are not limited and of those that never get in.
    #[must_use]
    pub fn access(&self) -> Option<&AccessList> {
        self.inner.access.as_ref()
    }

    /// What this limiter's access list says about a request, and the observer is told if that is no.
    /// `None`: the rules decide. [`Limiter::decide`] asks this by itself.
    #[must_use]
    pub fn standing(&self, request: &KeyContext<'_>) -> Option<Ruling> {
        self.standing_on(self.inner.access.as_ref()?, request)
    }

    /// As [`Limiter::standing`], on another list.
    #[must_use]
    pub fn standing_on(&self, list: &AccessList, request: &KeyContext<'_>) -> Option<Ruling> {
        let mut decision = Decision { source: Source::AccessList, ..Decision::default() };
        match list.standing(request)? {
            Standing::Exempt => decision.allowed = true,
            Standing::Denied(denied, key) => {
                decision.denied = Some(denied);
                self.tell_denied(&decision, key, request);
            }
        }
        Some(Ruling { decision, ..Ruling::default() })
    }

    /// Lets the doctor look at whom the policy trusts.
    pub(super) fn look_at_networks(&self) {
        if let Some(warning) = self.inner.doctor.at_start(self.client_ip()) {
            self.warn(warning);
        }
    }

    /// Lets the doctor look, as long as it does.
    #[inline]
    pub(super) fn examine(&self, request: &KeyContext<'_>) {
        if !self.inner.doctor.is_done() {
            self.examine_head(request.peer(), &request.parts().headers, || request.client());
        }
    }

    /// The same, of a request that is not taken apart, while the doctor looks.
    #[cold]
    pub(super) fn examine_head(
        &self,
        peer: Peer,
        headers: &HeaderMap,
        client: impl FnOnce() -> Result<Resolved, ResolveError>,
    ) {
        self.inner.doctor.examine(self.client_ip(), peer, headers, client, |warning| self.warn(warning));
    }

    #[cold]
    fn tell_denied(&self, decision: &Decision, key: Key, request: &KeyContext<'_>) {
        if let Some(observer) = &self.inner.observer {
            observer.on_deny(&Event { decision, keys: &[key], request: Some(request.parts()) });
        }
    }
}
