//! What a user's function may answer a refused request with.

use bytes::Bytes;

/// An answer to a refused request, before the fields of the refusal are added.
pub type Answer = http::Response<Bytes>;

/// What a user's function of a refusal returns.
pub fn answer<R: Refusal>(refusal: R) -> Answer {
    refusal.into_answer()
}

/// What can answer a refused request.
#[diagnostic::on_unimplemented(
    message = "`on_limited` cannot answer with `{Self}`",
    label = "its result is no answer to a refused request",
    note = "accepted: `limiter_tower::response::Content`, or an `http::Response` whose body is `Bytes`"
)]
pub trait Refusal {
    /// The answer.
    fn into_answer(self) -> Answer;
}

#[diagnostic::do_not_recommend]
impl<R: Into<Answer>> Refusal for R {
    fn into_answer(self) -> Answer {
        self.into()
    }
}
