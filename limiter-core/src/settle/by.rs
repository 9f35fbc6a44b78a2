//! By what a charge is settled.

use core::fmt;
use std::sync::Arc;

use http::StatusCode;
use http::response::{Parts, Response};

use crate::statuses::Statuses;

/// What says how much a request has cost.
#[derive(Clone)]
pub(crate) enum By {
    /// Whether the answer counts.
    Counts(Arc<dyn Fn(&Parts) -> bool + Send + Sync>),
    /// What the answer costs.
    Cost(Arc<dyn Fn(&Parts) -> u32 + Send + Sync>),
    /// The handler, in its own time.
    Handler,
    /// The answer's status.
    Statuses(Statuses),
}

impl By {
    /// What a request has cost that was charged `cost`; `None` where the answer does not say.
    pub(super) fn cost(&self, answer: &Parts, cost: u64) -> Option<u64> {
        let counted = |counts: bool| Some(if counts { cost } else { 0 });
        match self {
            By::Counts(counts) => counted(counts(answer)),
            By::Cost(cost) => Some(u64::from(cost(answer))),
            By::Handler => None,
            By::Statuses(statuses) => counted(statuses.contains(answer.status.as_u16())),
        }
    }

    /// The same where there is no answer, but word of whether it went well.
    pub(super) fn cost_of(&self, well: bool, cost: u64) -> Option<u64> {
        let status = if well { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
        let mut answer = Response::new(()).into_parts().0;
        answer.status = status;
        self.cost(&answer, cost)
    }
}

impl fmt::Debug for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Counts(_) => f.write_str("Counts"),
            By::Cost(_) => f.write_str("Cost"),
            By::Handler => f.write_str("Handler"),
            By::Statuses(statuses) => statuses.fmt(f),
        }
    }
}
