//! Slots of concurrent limits, in the hands of whoever they are held for.

use std::sync::Arc;

use http::Method;
use http::header::UPGRADE;
use http::request::Parts;
use limiter_core::Permit;

/// The slots that a request for an upgrade holds, such as that of a WebSocket. In the request's
/// extensions.
///
/// The answer to such a request has no body, and its connection is out of HTTP's sight, so that its
/// slots would be free with the handshake. Keep a `Slots` for as long as the connection is in use,
/// and they are held as long. Without a concurrent rule there is none.
///
/// # Examples
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use limiter_tower::{Limiter, RateLimitLayer, Rule, Slots};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = RateLimitLayer::builder().rule(Rule::concurrent(1)).limiter(Limiter::in_memory()).build()?;
/// let (finish, finished) = tokio::sync::watch::channel(());
/// let service = layer.layer(service_fn(move |request: Request<String>| {
///     let slots = request.extensions().get::<Slots>().cloned();
///     let mut finished = finished.clone();
///     // The task of the connection takes them along. Under axum a handler asks for
///     // a `HeldPermit` and moves it into the closure of `on_upgrade`.
///     tokio::spawn(async move {
///         let _slots = slots;
///         finished.changed().await
///     });
///     async {
///         let mut switching = Response::new(String::new());
///         *switching.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
///         Ok::<_, std::io::Error>(switching)
///     }
/// }));
///
/// let ask = || service.clone().oneshot(Request::get("/").header("upgrade", "websocket").body(String::new()).unwrap());
/// assert_eq!(ask().await?.status(), StatusCode::SWITCHING_PROTOCOLS);
/// assert_eq!(ask().await?.status(), StatusCode::SERVICE_UNAVAILABLE);
/// finish.send(())?;
/// tokio::task::yield_now().await;
/// assert_eq!(ask().await?.status(), StatusCode::SWITCHING_PROTOCOLS);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Slots {
    _permit: Arc<Permit>,
    /// Of a layer further out, so that one handle holds them all.
    _outer: Option<Arc<Slots>>,
}

impl Slots {
    /// The slots of a request, shared with its handler if it asks for an upgrade. The answer's body has them anyway.
    pub(crate) fn of(permit: Permit, parts: &mut Parts) -> Self {
        let permit = Arc::new(permit);
        if !asks_for_upgrade(parts) {
            return Slots { _permit: permit, _outer: None };
        }
        let slots = Slots { _permit: permit, _outer: parts.extensions.remove::<Slots>().map(Arc::new) };
        parts.extensions.insert(slots.clone());
        slots
    }
}

/// HTTP/1.1 has a field for it, HTTP/2 and later a method (RFC 8441).
fn asks_for_upgrade(parts: &Parts) -> bool {
    parts.headers.contains_key(UPGRADE) || parts.method == Method::CONNECT
}
