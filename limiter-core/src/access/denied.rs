//! Why a request was turned away by a list, and how it is told.

use ipnet::IpNet;

use crate::decision::Name;

/// How clients that never get in are told so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// 403: they may as well know that waiting does not help.
    #[default]
    Forbidden,
    /// 429: like anyone who asked too much, but without a time to wait for.
    TooMany,
}

/// A request was turned away by an [`AccessList`](super::AccessList), before any rule was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    by: DeniedBy,
    refusal: Refusal,
}

/// What on the list met the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeniedBy {
    /// A key of this source, such as `header:x-api-key`.
    Key(Name),
    /// The network that the client is in.
    Network(IpNet),
}

impl Denied {
    pub(super) fn new(by: DeniedBy, refusal: Refusal) -> Self {
        Denied { by, refusal }
    }

    /// What on the list met the request.
    #[must_use]
    pub fn by(&self) -> &DeniedBy {
        &self.by
    }

    /// How the client is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }
}
