//! The shortest way of a request: one rule counts it, its key is the client's address or everybody, the store is in
//! this process, and nobody listens.
//!
//! Nothing is asked of the request but its head, so nobody has to take it apart, and what is handed out is as small
//! as what the store said. The decision is the one that [`Limiter::decide`] makes.

use std::net::Ipv4Addr;

use http::HeaderMap;

use super::permit::Receipt;
use super::prepared::PreparedRule;
use super::ruling::{charge, is_charged, usage};
use super::{Limiter, StoreHandle};
use crate::algorithm::{State, Verdict};
use crate::decision::{Decision, Source, Usage};
use crate::few::Few;
use crate::key::Plain;
use crate::key::client_ip::{Peer, ResolveError, Resolved};
use crate::policy::Policy;
use crate::rule::MethodClass;
use crate::store::memory::{MemoryStore, Unknown, again};
use crate::store::{ItemReply, Place, Subject};
use crate::time::{Nanos, Now};

/// A request that the short way leads to the store.
#[derive(Clone, Copy)]
pub struct ShortQuestion<'a> {
    limiter: &'a Limiter,
    policy: &'a Policy,
    store: &'a MemoryStore,
    rule: &'a PreparedRule,
    fingerprint: u64,
}

/// Who the client is, if that was looked for: it is [not to be done twice](crate::key::KeyContext::with_client).
pub type Found = Option<Result<Resolved, ResolveError>>;

/// What a request that passed by the short way was charged, and when.
#[must_use = "it tells the numbers of the decision, and what to give back"]
#[derive(Debug)]
pub struct Passed {
    /// Whose limiter and policy it was: they outlive a request seldom enough to be looked up, and to count those who
    /// hold them costs each request.
    limiter: u64,
    policy: u32,
    rule: u16,
    place: Place,
    fingerprint: u64,
    now: Now,
    state: State,
}

/// What has yet to be settled out of line: a refusal, a key that is not known yet, or another algorithm than the
/// bucket.
pub struct Unsettled<'a> {
    question: ShortQuestion<'a>,
    now: Now,
    reply: Result<ItemReply, Unknown<'a>>,
}

impl Limiter {
    /// What [`Limiter::decide`] would ask the store about a request of this class (which is not
    /// [`MethodClass::Any`]), if that takes no more than the head of the request. Nothing has happened otherwise, but
    /// that the client may have been looked for.
    ///
    /// # Errors
    ///
    /// When it takes more.
    #[inline]
    pub fn ask_in_short<'a>(
        &'a self,
        policy: &'a Policy,
        class: MethodClass,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Result<ShortQuestion<'a>, Found> {
        let Ok(prepared) = self.prepared(policy) else { return Err(None) };
        let (Some(rule), StoreHandle::Memory(store)) = (prepared.plain(class), &self.inner.store) else {
            return Err(None);
        };
        let Some(plain) = rule.plain else { return Err(None) };
        match self.print(rule, plain, headers, peer) {
            Ok(fingerprint) => Ok(ShortQuestion { limiter: self, policy, store, rule, fingerprint }),
            Err(error) => Err(Some(Err(error))),
        }
    }

    /// The same, where the client can be nobody but an IPv4 peer. `None` and nothing has happened.
    #[inline(always)]
    #[must_use]
    pub fn ask_for_v4<'a>(
        &'a self,
        policy: &'a Policy,
        class: MethodClass,
        peer: Ipv4Addr,
    ) -> Option<ShortQuestion<'a>> {
        let rule = self.prepared(policy).ok()?.plain(class)?;
        let StoreHandle::Memory(store) = &self.inner.store else { return None };
        if !rule.by_peer || !self.inner.doctor.is_done() {
            return None;
        }
        let fingerprint = self.inner.fingerprints.under_v4(rule.start, peer);
        Some(ShortQuestion { limiter: self, policy, store, rule, fingerprint })
    }

    #[inline(never)]
    fn print(&self, rule: &PreparedRule, plain: Plain, headers: &HeaderMap, peer: Peer) -> Result<u64, ResolveError> {
        let find = || self.inner.client_ip.resolve(peer, headers);
        let looks = !self.inner.doctor.is_done();
        match plain {
            Plain::Client(prefix) => {
                let client = find()?;
                if looks {
                    self.examine_head(peer, headers, || Ok(client));
                }
                Ok(self.inner.fingerprints.under_address(rule.start, client.key_by(prefix)))
            }
            Plain::Everyone => {
                if looks {
                    self.examine_head(peer, headers, find);
                }
                Ok(self.inner.fingerprints.under_everyone(rule.start))
            }
        }
    }

    /// The numbers of the rule that let a request pass. `None` if this limiter did not decide about it.
    #[inline]
    #[must_use]
    pub fn usage(&self, passed: &Passed) -> Option<Usage> {
        let rule = self.rule_of(passed)?;
        let subject = Subject::Local(passed.fingerprint);
        Some(usage(rule, &rule.params, rule.constant_cost, subject, &passed.reply(), passed.now))
    }

    fn rule_of(&self, passed: &Passed) -> Option<&PreparedRule> {
        let prepared = self.inner.prepared.get(passed.policy).filter(|_| passed.limiter == self.inner.id)?;
        prepared.as_ref().ok()?.rules.get(usize::from(passed.rule))
    }
}

impl<'a> ShortQuestion<'a> {
    /// Asks. `dated`: whether the wall clock is to be read in any case.
    ///
    /// # Errors
    ///
    /// When the answer is not the common one.
    #[inline(always)]
    pub fn ask(self, dated: bool) -> Result<Passed, Unsettled<'a>> {
        let now = self.limiter.inner.clock.read(dated || self.rule.params.needs_wall());
        let reply = match self.store.decide_known(self.rule.plain_single(self.fingerprint), now) {
            Ok((true, reply)) => return Ok(self.passed(now, &reply)),
            Ok((false, reply)) => Ok(reply),
            Err(unknown) => Err(unknown),
        };
        Err(Unsettled { question: self, now, reply })
    }

    #[inline(always)]
    fn passed(self, now: Now, reply: &ItemReply) -> Passed {
        let ShortQuestion { limiter, policy, rule, fingerprint, .. } = self;
        let (limiter, policy) = (limiter.inner.id, policy.index());
        Passed { limiter, policy, rule: rule.index, place: reply.place, fingerprint, now, state: reply.state }
    }
}

impl Unsettled<'_> {
    /// Settles it: the request passes, or is refused by this decision.
    ///
    /// # Errors
    ///
    /// When it is refused.
    #[inline(never)]
    #[expect(clippy::result_large_err, reason = "a box would be an allocation for each request that is refused")]
    pub fn settle(self) -> Result<Passed, Decision> {
        let Unsettled { question, now, reply } = self;
        let ShortQuestion { store, rule, fingerprint, .. } = question;
        let single = rule.plain_single(fingerprint);
        let (allowed, reply) = match reply {
            Ok(reply) => (false, reply),
            Err(unknown) => store.decide_unknown(unknown, again(single), now),
        };
        if allowed {
            return Ok(question.passed(now, &reply));
        }
        let subject = Subject::Local(fingerprint);
        Err(Decision {
            allowed: false,
            source: Source::Store,
            degraded: false,
            denied: None,
            usages: Few::one(usage(rule, single.params, single.cost, subject, &reply, now)),
        })
    }
}

impl Passed {
    /// Gives back what the request was charged, as [`Limiter::refund`] does. Where the limiter is gone, so is the
    /// charge.
    #[cold]
    pub fn take_back(&self) {
        let Some(limiter) = Limiter::of_id(self.limiter) else { return };
        let Some(rule) = limiter.rule_of(self) else { return };
        let single = rule.plain_single(self.fingerprint);
        if is_charged(single.mode, single.cost, true, &self.reply()) {
            let charges = Few::one(charge(single, self.now, &self.reply()));
            limiter.refund(Receipt { charges, local: false });
        }
    }

    /// The time since the epoch when it passed, if that was asked for.
    #[must_use]
    pub fn wall(&self) -> Nanos {
        self.now.wall
    }

    fn reply(&self) -> ItemReply {
        ItemReply { verdict: Verdict::Allow, state: self.state, place: self.place }
    }
}
