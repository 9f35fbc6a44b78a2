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
    }
}

pin_project! {
    // As large as the inner body, where that is a pointer: answers are moved often. What is rare is elsewhere.
    #[derive(Debug)]
    #[project = KindProjection]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Other { other: Pin<Box<Other<B>>> },
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = OtherProjection]
    enum Other<B> {
        Holding { #[pin] body: B, held: Option<Slots> },
        Refusal { bytes: Option<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn refusal(bytes: Bytes) -> Self {
        let bytes = if bytes.is_empty() { None } else { Some(bytes) };
        Self::other(Other::Refusal { bytes })
    }

    /// A body that holds nothing.
    #[inline(always)]
    pub(crate) fn plain(body: B) -> Self {
        ResponseBody { kind: Kind::Inner { body } }
    }

    fn other(other: Other<B>) -> Self {
        ResponseBody { kind: Kind::Other { other: Box::pin(other) } }
    }
}

impl<B: Body> ResponseBody<B> {
    pub(crate) fn inner(body: B, held: Option<Slots>) -> Self {
        match held {
            // Nobody has to poll a body that says it is at its end.
            Some(_) if !body.is_end_stream() => Self::other(Other::Holding { body, held }),
            _ => Self::plain(body),
        }
    }
}

#[cfg(feature = "axum")]
impl ResponseBody<axum::body::Body> {
    /// The body as axum has it. It is wrapped only where there is a slot to hold.
    pub(crate) fn into_axum(self) -> axum::body::Body {
        match self.kind {
            Kind::Inner { body } => body,
            Kind::Other { mut other } => {
                if let OtherProjection::Refusal { bytes } = other.as_mut().project() {
                    return bytes.take().unwrap_or_default().into();
                }
                axum::body::Body::new(ResponseBody { kind: Kind::Other { other } })
            }
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
        match self.project().kind.project() {
            KindProjection::Inner { body } => body.poll_frame(cx),
            KindProjection::Other { other } => match other.as_mut().project() {
                OtherProjection::Holding { mut body, held } => {
                    let frame = ready!(body.as_mut().poll_frame(cx));
                    if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                        drop(held.take());
                    }
                    Poll::Ready(frame)
                }
                OtherProjection::Refusal { bytes } => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Other { other } => match &**other {
                Other::Holding { body, .. } => body.is_end_stream(),
                Other::Refusal { bytes } => bytes.is_none(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Other { other } => match &**other {
                Other::Holding { body, .. } => body.size_hint(),
                Other::Refusal { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            },
        }
    }
}

#[cfg(test)]
mod tests;
