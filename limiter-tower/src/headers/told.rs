//! What an answer will say, noted when its request is let through: a decision is large, and would be carried along for
//! a few numbers.

use std::time::Duration;

use http::Response;
use limiter_core::{Decision, Limiter, Usage};
use smallvec::SmallVec;

use super::adapter::{limit, numbers};
use super::view::{Numbers, Row, View};
use super::written::{Shelf, Spot};
use super::{Refused, Wire, unix, write};

/// The numbers of a decision that let a request pass, and when it did.
#[derive(Debug)]
pub(crate) struct Told {
    unix: Duration,
    what: What,
}

#[derive(Debug)]
enum What {
    Nothing,
    /// The limits are those on the shelf.
    Noted(SmallVec<[(Spot, Option<Numbers>); 2]>),
    /// Not all of them are, or it is to be told whose budget it was.
    Whole(Box<Decision>),
}

impl Told {
    pub(crate) fn nothing() -> Self {
        Told { unix: Duration::ZERO, what: What::Nothing }
    }

    /// Takes what is needed out of a decision.
    pub(crate) fn of(wire: &Wire, decision: &mut Decision, shelf: &Shelf, limiter: &Limiter) -> Self {
        // What is not enforced is not announced.
        let announced = |usage: &&Usage| !usage.is_shadow();
        if !decision.usages().iter().any(|usage| announced(&usage)) || wire.is_private() {
            return Told::nothing();
        }
        let mut told = Told { unix: unix(wire, limiter), what: What::Noted(SmallVec::new()) };
        if let What::Noted(rows) = &mut told.what
            && wire.partition.is_none()
        {
            for usage in decision.usages().iter().filter(announced) {
                let Some(spot) = shelf.find(usage.index(), &limit(wire, usage)) else { break };
                rows.push((spot, numbers(wire, usage)));
            }
            if rows.len() == decision.usages().iter().filter(announced).count() {
                return told;
            }
        }
        told.what = What::Whole(Box::new(core::mem::take(decision)));
        told
    }

    /// Adds it to the answer.
    pub(crate) fn write<B>(&self, wire: &Wire, shelf: &Shelf, response: &mut Response<B>) {
        let view = match &self.what {
            What::Nothing => return,
            What::Noted(noted) => {
                let mut view = View { rows: SmallVec::new(), refused: None };
                for (spot, numbers) in noted {
                    let Some(written) = shelf.at(*spot) else { continue };
                    view.rows.push(Row { policy: written.view(), numbers: *numbers, wait: None });
                }
                view
            }
            What::Whole(decision) => View::of(wire, decision, Some(shelf)),
        };
        let refused_inside = response.extensions().get::<Refused>().is_some();
        let status = response.status();
        write(wire, &view, self.unix, status, refused_inside, response.headers_mut());
    }
}
