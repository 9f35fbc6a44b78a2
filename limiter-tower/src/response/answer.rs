//! What a function of yours may answer a refused request with.

use bytes::Bytes;
use http::Response;

/// What can answer a refused request: a [`Content`](super::Content), an [`http::Response`] whose body is at hand, and
/// under axum whatever implements `axum::response::IntoResponse`.
///
/// The fields of the refusal are added to the answer, and its status takes the place of a 200.
///
/// A refusal is sent at once: a body that would have to be waited for, such as a stream of events, is left out, and
/// so is one of more than a mebibyte.
///
/// `Kind` tells apart the ways to get there; it is found by the compiler.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use axum::{http::StatusCode, response::Html};
/// use limiter_tower::{Global, Limiter, RateLimitLayer};
/// # use axum::{Router, body::Body, http::Request, routing::get};
/// # use tower::ServiceExt;
///
/// let builder = || RateLimitLayer::builder().quota("1/min").key(Global).limiter(Limiter::in_memory());
/// let page = builder().on_limited(|_, _| Html("<p>Later, please."));
/// let teapot = builder().on_limited(|_, _| (StatusCode::IM_A_TEAPOT, "Later, please."));
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # for (layer, status, kind) in [(page, 429, "text/html; charset=utf-8"), (teapot, 418, "text/plain; charset=utf-8")] {
/// #     let app = Router::new().route("/", get(async || "fine")).layer(layer.build().unwrap());
/// #     let ask = || app.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
/// #     ask().await.unwrap();
/// #     let answer = ask().await.unwrap();
/// #     assert_eq!(answer.status(), status);
/// #     assert_eq!(answer.headers()["content-type"], kind);
/// #     assert_eq!(answer.headers()["retry-after"], "60");
/// # }
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`on_limited` cannot answer with `{Self}`",
    label = "its result is no answer to a refused request",
    note = "accepted: `limiter_tower::response::Content`, an `http::Response` whose body is at hand, such as `Bytes`, \
            or under axum whatever implements `IntoResponse`"
)]
pub trait IntoRefusal<Kind> {
    /// The answer.
    fn into_refusal(self) -> Response<Bytes>;
}

/// The ways that [`IntoRefusal`] knows.
pub mod kind {
    /// By axum's `IntoResponse`.
    #[derive(Debug)]
    pub enum ByAxum {}
    /// A response whose body is text or bytes.
    #[derive(Debug)]
    pub enum Plain {}
    /// What is or becomes a response of `Bytes`.
    #[derive(Debug)]
    pub enum Whole {}
}

#[diagnostic::do_not_recommend]
impl<R: Into<Response<Bytes>>> IntoRefusal<kind::Whole> for R {
    fn into_refusal(self) -> Response<Bytes> {
        self.into()
    }
}

/// Bodies that are bytes already. Those that axum takes are axum's where that is there.
pub trait AtHand: Into<Bytes> {}

impl AtHand for &'static str {}
impl AtHand for &'static [u8] {}
impl AtHand for Vec<u8> {}
#[cfg(not(feature = "axum"))]
impl AtHand for String {}

#[diagnostic::do_not_recommend]
impl<B: AtHand> IntoRefusal<kind::Plain> for Response<B> {
    fn into_refusal(self) -> Response<Bytes> {
        self.map(Into::into)
    }
}

#[cfg(feature = "axum")]
mod by_axum {
    use core::pin::{Pin, pin};
    use core::task::{Context, Poll, Waker};

    use axum::body::Body;
    use axum::response::IntoResponse;
    use bytes::{Bytes, BytesMut};
    use http::Response;
    use http_body::Body as _;

    use super::{IntoRefusal, kind};

    /// Nobody reads more than this to be told to come back later.
    const LONGEST: usize = 1 << 20;

    #[diagnostic::do_not_recommend]
    impl<R: IntoResponse> IntoRefusal<kind::ByAxum> for R {
        fn into_refusal(self) -> Response<Bytes> {
            self.into_response().map(|body| read(pin!(body)).unwrap_or_default())
        }
    }

    /// All of a body, if it is at hand.
    fn read(mut body: Pin<&mut Body>) -> Option<Bytes> {
        let mut context = Context::from_waker(Waker::noop());
        let mut first = Bytes::new();
        let mut more = BytesMut::new();
        loop {
            let frame = match body.as_mut().poll_frame(&mut context) {
                Poll::Ready(Some(frame)) => frame.ok()?,
                Poll::Ready(None) if more.is_empty() => return Some(first),
                Poll::Ready(None) => return Some(more.freeze()),
                Poll::Pending => return None,
            };
            let Ok(data) = frame.into_data() else { continue };
            if first.is_empty() {
                first = data;
                continue;
            }
            if more.is_empty() {
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
            if more.len() > LONGEST {
                return None;
            }
        }
    }
}
