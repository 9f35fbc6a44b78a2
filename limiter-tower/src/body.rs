//! The body of an answer: the inner service's, or our refusal. It holds the slots of concurrent
//! limits until it ends, so that an answer which is still being streamed counts.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::slots::Slots;

pin_project! {
    /// The body of a limited service's answers.
    ///
    /// Slots of concurrent limits are free again when it has ended, failed, or is dropped; those of an
    /// upgraded connection when its [`Slots`](crate::Slots) are dropped too.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
        held: Option<Slots>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProjection]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Refusal { bytes: Option<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn refusal(bytes: Bytes) -> Self {
        let bytes = if bytes.is_empty() { None } else { Some(bytes) };
        ResponseBody { kind: Kind::Refusal { bytes }, held: None }
    }
}

impl<B: Body> ResponseBody<B> {
    pub(crate) fn inner(body: B, held: Option<Slots>) -> Self {
        // Nobody has to poll a body that says it is at its end.
        let held = held.filter(|_| !body.is_end_stream());
        ResponseBody { kind: Kind::Inner { body }, held }
    }
}

#[cfg(feature = "axum")]
impl ResponseBody<axum::body::Body> {
    /// The body as axum has it. It is wrapped only where there is a slot to hold.
    pub(crate) fn into_axum(self) -> axum::body::Body {
        match self {
            ResponseBody { kind: Kind::Inner { body }, held: None } => body,
            ResponseBody { kind: Kind::Refusal { bytes }, .. } => bytes.unwrap_or_default().into(),
            holding => axum::body::Body::new(holding),
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        match this.kind.project() {
            KindProjection::Inner { mut body } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                    drop(this.held.take());
                }
                Poll::Ready(frame)
            }
            KindProjection::Refusal { bytes } => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Refusal { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Refusal { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}

#[cfg(test)]
mod tests;
