//! Deciding under rules that settle by outcome: who may be let in while others are under way, and
//! what becomes of a charge once its answer is known.

use std::sync::Arc;

use http::response::Parts;
use smallvec::{SmallVec, smallvec};

use super::Limiter;
use super::ask::Questions;
use super::permit::Settled;
use super::prepared::{Prepared, PreparedRule};
use super::ruling::{Ruling, unknown_reply, usage};
use crate::decision::{Decision, Outcome};
use crate::key::KeyContext;
use crate::policy::Policy;
use crate::settle::{Correction, Full, OpenRequests, Place, Reservation, Reserved, Settle, Settlement, Settling};
use crate::store::{Charged, Decide, Item, ItemReply, Mode, Reply};
use crate::time::{Nanos, Now};

/// The places of a request among those under way, by rule.
pub(super) type Places = SmallVec<[(u16, Place); 1]>;

impl Limiter {
    pub(super) fn ask_reserving(
        &self,
        policy: &Policy,
        prepared: &Prepared,
        asked: &mut Questions,
        request: Option<&KeyContext<'_>>,
    ) -> Reply<Ruling> {
        if asked.is_empty() {
            return Reply::Now(Ruling::without_rules());
        }
        let op = self.operation(prepared, asked, Mode::Charge);
        let places = match self.places(prepared, asked, &op) {
            Ok(places) => places,
            Err(full) => {
                let ruling = refuse_more(prepared, asked, &op, full);
                self.tell(prepared, asked, &ruling.decision, request);
                return Reply::Now(ruling);
            }
        };
        match self.submit(policy, prepared, op, asked, request) {
            Reply::Now(ruling) => Reply::Now(ruling.occupying(places)),
            Reply::Later(ruling) => Reply::Later(Box::pin(async move { ruling.await.occupying(places) })),
        }
    }

    /// A place among the requests under way for each rule that settles, or the rule that has none left.
    pub(super) fn places(&self, prepared: &Prepared, asked: &Questions, op: &Decide) -> Result<Places, usize> {
        let mut places = Places::new();
        for (at, one) in asked.iter().enumerate() {
            let Some(rule) = prepared.rules.get(one.rule) else { continue };
            let Some(settle) = &rule.settle else { continue };
            let account = self.account(one.tier.budget, &one.key);
            self.inner.open.give_up(account, op.now.monotonic);
            let most = match settle.settling() {
                // A rule in shadow refuses nothing.
                Settling::Lenient { in_flight } if !one.shadow => in_flight,
                _ => u32::MAX,
            };
            let until = op.now.monotonic.saturating_add(settle.within);
            match OpenRequests::enter(self, account, most, until) {
                Ok(place) => places.push((rule.shown.index, place)),
                // In shadow that many under way refuse nobody.
                Err(Full) if one.shadow => {}
                Err(Full) => return Err(at),
            }
        }
        Ok(places)
    }

    pub(crate) fn open(&self) -> &OpenRequests {
        &self.inner.open
    }

    pub(crate) fn monotonic(&self) -> Nanos {
        self.inner.clock.read(false).monotonic
    }

    /// Changes one charge after the fact.
    pub(crate) fn settle_charge(&self, charge: Charged, units: i64, local: bool) -> Settled {
        self.settle_charges(smallvec![(charge, units)], local)
    }

    /// How many requests are under way that are yet to be settled, of all keys and rules.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.inner.open.len()
    }
}

impl Ruling {
    pub(super) fn occupying(self, places: Places) -> Self {
        // A refused request leaves its places with this.
        if let Some(reservation) = &self.reservation {
            reservation.occupy(places);
        }
        self
    }

    /// Nothing was to be taken, so nothing is to be settled.
    pub(super) fn untaken(mut self) -> Self {
        if let Some(reservation) = self.reservation.take() {
            reservation.forget();
        }
        self
    }

    /// What the handler says the cost by, if a rule leaves it to the handler.
    #[must_use]
    pub fn settlement(&self) -> Option<Settlement> {
        self.reservation.as_ref().and_then(|reservation| reservation.settlement())
    }

    /// Settles what the answer settles, and brings the numbers of the decision up to date with it.
    pub fn answered(&mut self, answer: &Parts) {
        self.correct_by(|reservation| reservation.answered(answer));
    }

    /// Settles a request of which it is known that it went well, though there is no answer of HTTP:
    /// a status of 200 stands for it.
    pub fn succeeded(self) {
        self.went(true);
    }

    /// Settles a request of which it is known that it failed, though there is no answer of HTTP: a
    /// status of 500 stands for it.
    pub fn failed(self) {
        self.went(false);
    }

    fn went(mut self, well: bool) {
        self.correct_by(|reservation| reservation.went(well));
    }

    /// Settles by `settle`, and brings the numbers of the decision up to date. Whether there was
    /// something to be settled, in time.
    pub(super) fn correct_by(&mut self, settle: impl FnOnce(&Reservation) -> SmallVec<[Correction; 1]>) -> bool {
        let Some(reservation) = &self.reservation else { return false };
        let corrections = settle(reservation);
        corrections.iter().for_each(|correction| self.decision.correct(correction));
        corrections.iter().any(|correction| correction.in_time)
    }
}

impl Decision {
    fn correct(&mut self, correction: &Correction) {
        let usage = self
            .usages
            .iter_mut()
            .find(|usage| usage.shown.index == correction.rule && usage.subject == correction.subject);
        if let Some(usage) = usage {
            usage.state = usage.params.settle(usage.state, usage.now, correction.until, correction.units);
        }
    }
}

/// Refuses a request since as many as may be under way are, under the rule asked about at `full`.
pub(super) fn refuse_more(prepared: &Prepared, asked: &Questions, op: &Decide, full: usize) -> Ruling {
    let mut ruling = Ruling::default();
    if let (Some(one), Some(item)) = (asked.get(full), op.items.get(full))
        && let Some(rule) = prepared.rules.get(one.rule)
    {
        let mut usage = usage(rule, &item.params, item.cost, item.subject.clone(), &unknown_reply(), op.now);
        usage.outcome = Outcome::InFlight;
        ruling.decision.usages.push(usage);
    }
    ruling
}

/// What one rule has charged, or is yet to charge where requests under way take nothing.
pub(super) fn reserved(
    rule: &PreparedRule,
    settle: &Arc<Settle>,
    item: &Item,
    reply: &ItemReply,
    now: Now,
    local: bool,
) -> Reserved {
    let mut charge = item.charged(reply, now);
    if item.mode == Mode::Peek {
        charge.cost = 0;
    }
    Reserved {
        rule: rule.shown.index,
        name: rule.shown.name.clone(),
        settle: Arc::clone(settle),
        charge,
        cost: item.cost,
        said: None,
        local,
        place: None,
    }
}
