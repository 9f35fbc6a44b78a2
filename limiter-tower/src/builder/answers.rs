//! What answers say.

use std::sync::Arc;

use http::request::Parts;
use limiter_core::Decision;

use super::RateLimitBuilder;
use crate::headers::{Family, Legacy, Wire};
use crate::response::{Body, Denial, IntoRefusal};

impl RateLimitBuilder {
    /// What responses say: which fields, and what refusals look like. Without this it is what a
    /// [`LimiterLayer`](crate::LimiterLayer) further out says, or else the default.
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Lets handlers know what was decided: puts a [`CurrentDecision`](crate::CurrentDecision) into
    /// each request that passes. Annotated handlers which take one need nothing said.
    pub fn share_decision(mut self) -> Self {
        self.share = true;
        self
    }

    /// Answers refused requests in your own way, but for gRPC calls: with a
    /// [`Content`](crate::response::Content), a response whose body is at hand, or under axum with whatever implements
    /// `IntoResponse`. The fields of a refusal are added to the answer, and its status takes the place of a 200.
    pub fn on_limited<F, R, Kind>(mut self, answer: F) -> Self
    where
        F: Fn(&Decision, &Parts) -> R + Send + Sync + 'static,
        R: IntoRefusal<Kind>,
    {
        let answer = Arc::new(move |denial: &Denial<'_>| answer(denial.decision(), denial.request()).into_refusal());
        self.on_limited = Some(Body::Custom(answer));
        self
    }

    /// As `on_limited`, for an answer that is made of the refusal.
    #[cfg(feature = "axum")]
    pub(crate) fn refuse_with(mut self, body: Body) -> Self {
        self.on_limited = Some(body);
        self
    }

    /// Sends these fields and no others. All else is as the wire says that applies, this layer's own
    /// or that of the application.
    pub fn headers(mut self, family: Family, legacy: Legacy) -> Self {
        self.fields = Some((family, legacy));
        self
    }
}
