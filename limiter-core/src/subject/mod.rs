//! Hourly and daily quotas of subjects: a company, a user, an address, everybody.
//!
//! A subject has an id and two windows of the clock, the hour and the day, both of UTC. The quotas
//! travel with each call, so that they may come from a database. One reservation covers several
//! subjects in one step: all are charged or none is, in one process or at a store that a fleet
//! shares.
//!
//! | file | role |
//! |---|---|
//! | `mod.rs` | the subjects that an application has, and the call |
//! | `claim.rs` | one subject's part of a reservation |
//! | `reservation.rs` | what was charged, and how to give it back |
//! | `refused.rs` | which subject refused, with its own words |

mod claim;
mod refused;
mod reservation;
#[cfg(test)]
mod tests;

use core::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::decision::Name;
use crate::key::{AddressSet, Global};
use crate::limiter::{Limiter, Terms};
use crate::policy::{MOST_RULES, Policy, PolicyError};
use crate::quota::{Alignment, Quota};
use crate::rule::Rule;
use crate::store::Reply;

pub use claim::{Allowance, SubjectClaim};
pub use refused::{Refused, ReserveError};
pub use reservation::{Reservation, Span};

/// The subjects of an application, on a limiter. Clones are one.
///
/// ```
/// use limiter_core::Limiter;
/// use limiter_core::subject::{Allowance, ReserveError, SubjectClaim, SubjectLimits};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limits = SubjectLimits::builder()
///     .subject("company", "the company has used up its plan")
///     .subject("user", "this user asks too often")
///     .build(&Limiter::in_memory())?;
///
/// let claims = [
///     SubjectClaim::new("company", "acme", Allowance::hourly(1000).and_daily(10_000)),
///     SubjectClaim::new("user", 101u64, Allowance::hourly(1)),
/// ];
/// limits.reserve(&claims).await?.keep();
/// let Err(ReserveError::Refused(refused)) = limits.reserve(&claims).await else { panic!() };
/// assert_eq!(refused.subject(), "user");
/// assert_eq!(refused.to_string(), "Too many requests: this user asks too often");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SubjectLimits {
    inner: Arc<Inner>,
}

struct Inner {
    limiter: Limiter,
    policy: Policy,
    subjects: Vec<Declared>,
    exempt: AddressSet,
}

struct Declared {
    name: Name,
    message: Name,
}

impl SubjectLimits {
    /// Starts a configuration.
    pub fn builder() -> SubjectLimitsBuilder {
        SubjectLimitsBuilder { name: Name::from_static("subject"), subjects: Vec::new(), exempt: AddressSet::default() }
    }

    /// Charges all the claims, or none of them. They are looked at in their order: of several that
    /// refuse, the first one is named.
    ///
    /// # Errors
    ///
    /// When a subject has spent its hour or its day, or a claim names a subject that was not declared.
    ///
    /// # Cancel safety
    ///
    /// With a store in this process this never waits. Dropped while another store decides, the
    /// charge may stand until its hour and its day end.
    pub async fn reserve(&self, claims: &[SubjectClaim]) -> Result<Reservation, ReserveError> {
        let inner = &*self.inner;
        let mut asked = Vec::with_capacity(claims.len() * 2);
        for claim in claims {
            let Some(at) = inner.subjects.iter().position(|subject| subject.name.as_str() == claim.subject()) else {
                return Err(self.unknown(claim.subject()));
            };
            for span in Span::ALL {
                let quota = span.quota(claim.allowance());
                asked.push(Terms::new(rule_of(at, span), claim.id().clone()).quota(quota).cost(claim.units()));
            }
        }
        let ruling = match inner.limiter.decide_on(&inner.policy, &asked) {
            Reply::Now(ruling) => ruling,
            Reply::Later(ruling) => ruling.await,
        };
        if ruling.decision.is_allowed() {
            return Ok(Reservation::new(inner.limiter.clone(), ruling));
        }
        let violated = ruling.decision.violated().next().map_or((0, Span::Hour), |usage| subject_of(usage.index()));
        let subject = inner.subjects.get(violated.0);
        let (name, message) = subject.map_or_else(
            || (Name::from_static(""), Name::from_static("")),
            |subject| (subject.name.clone(), subject.message.clone()),
        );
        Err(ReserveError::Refused(Refused::new(name, violated.1, message, ruling.decision)))
    }

    /// As [`reserve`](Self::reserve) for a request from `address`: one that is exempt is charged nothing.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    pub async fn reserve_from(&self, address: IpAddr, claims: &[SubjectClaim]) -> Result<Reservation, ReserveError> {
        let claims = if self.inner.exempt.contains(address) { &[] } else { claims };
        self.reserve(claims).await
    }

    fn unknown(&self, found: &str) -> ReserveError {
        let known = self.inner.subjects.iter().map(|subject| subject.name.clone()).collect();
        ReserveError::UnknownSubject { found: found.to_owned(), known }
    }
}

impl fmt::Debug for SubjectLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects: Vec<&Name> = self.inner.subjects.iter().map(|subject| &subject.name).collect();
        f.debug_struct("SubjectLimits").field("subjects", &subjects).finish_non_exhaustive()
    }
}

/// Each subject has two rules, the hour before the day.
fn rule_of(subject: usize, span: Span) -> usize {
    subject * Span::ALL.len() + usize::from(span == Span::Day)
}

fn subject_of(rule: usize) -> (usize, Span) {
    let spans = Span::ALL.len();
    (rule / spans, if rule.is_multiple_of(spans) { Span::Hour } else { Span::Day })
}

/// Configures [`SubjectLimits`].
#[derive(Debug)]
#[must_use]
pub struct SubjectLimitsBuilder {
    name: Name,
    subjects: Vec<(Name, Name)>,
    exempt: AddressSet,
}

impl SubjectLimitsBuilder {
    /// What the budgets belong to, for fleets that run several applications on one store; `subject`
    /// unless stated.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    /// Declares a subject, with what those are told who are refused because of it.
    pub fn subject(mut self, name: impl Into<Name>, message: impl Into<Name>) -> Self {
        self.subjects.push((name.into(), message.into()));
        self
    }

    /// Addresses that are charged nothing by [`SubjectLimits::reserve_from`].
    pub fn exempt(mut self, addresses: AddressSet) -> Self {
        self.exempt = addresses;
        self
    }

    /// Checks the subjects and puts them on a limiter.
    ///
    /// # Errors
    ///
    /// When two subjects have one name, a name cannot be a rule's, there are more than half of
    /// [`MOST_RULES`] subjects, or the limiter's store cannot decide about several rules at once.
    pub fn build(self, limiter: &Limiter) -> Result<SubjectLimits, PolicyError> {
        if self.subjects.len() > MOST_RULES / Span::ALL.len() {
            return Err(PolicyError::TooManyRules { found: self.subjects.len().saturating_mul(Span::ALL.len()) });
        }
        let rules = self.subjects.iter().flat_map(|(name, _)| {
            Span::ALL.map(|span| {
                // The quota comes with each claim; the one here says how it is counted.
                let counted = span.of(1).with_alignment(Alignment::Epoch { offset_secs: 0 });
                Rule::new(counted)
                    .algorithm(crate::Algorithm::Fixed)
                    .key(Global)
                    .named(format!("{name}-{}", span.name()))
                    .scope(format!("{} {name} {}", self.name, span.name()))
            })
        });
        let policy = Policy::new(self.name.clone(), rules)?;
        limiter.prepare(&policy)?;
        let subjects = self.subjects.into_iter().map(|(name, message)| Declared { name, message }).collect();
        let inner = Inner { limiter: limiter.clone(), policy, subjects, exempt: self.exempt };
        Ok(SubjectLimits { inner: Arc::new(inner) })
    }
}

impl Span {
    /// Both, in the order in which they are asked.
    pub(crate) const ALL: [Span; 2] = [Span::Hour, Span::Day];

    fn of(self, count: u64) -> Quota {
        match self {
            Span::Hour => Quota::per_hour(count),
            Span::Day => Quota::per_day(count),
        }
    }

    fn quota(self, allowance: Allowance) -> Quota {
        match allowance.of(self) {
            0 => Quota::UNLIMITED,
            count => self.of(count).with_alignment(Alignment::Epoch { offset_secs: 0 }),
        }
    }
}
