//! The slots of a connection that a handler upgrades.

use core::convert::Infallible;
use core::future::Future;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::slots::Slots;

/// The slots of concurrent limits that a request for an upgrade holds, such as that of a WebSocket.
///
/// Move it into what goes on after the upgrade, and the slots are held as long as the connection is.
/// A handler that does not ask for it leaves them to the answer: they are free with the 101. Empty
/// if no concurrent rule applies, and in requests that ask for no upgrade, whose slots are held
/// until the answer's body ends.
///
/// # Examples
///
/// ```
/// use axum::extract::ws::{WebSocket, WebSocketUpgrade};
/// use axum::response::Response;
/// use limiter_tower::{HeldPermit, rate_limit};
///
/// #[rate_limit(concurrent = 100, key = "global")]
/// async fn talk(upgrade: WebSocketUpgrade, permit: HeldPermit) -> Response {
///     upgrade.on_upgrade(|socket| permit.during(echo(socket)))
/// }
///
/// async fn echo(mut socket: WebSocket) {
///     while let Some(Ok(message)) = socket.recv().await {
///         if socket.send(message).await.is_err() {
///             return;
///         }
///     }
/// }
/// # let _: axum::routing::MethodRouter = axum::routing::any(talk);
/// ```
#[derive(Debug)]
#[must_use = "the slots are free again when it is dropped"]
pub struct HeldPermit {
    slots: Option<Slots>,
}

impl HeldPermit {
    /// Whether there is a slot in it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.slots.is_some()
    }

    /// Does this, and holds the slots until it is done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future frees the slots.
    pub async fn during<F: Future>(self, work: F) -> F::Output {
        let _held = self;
        work.await
    }
}

// Those who mistake a type for an extractor want to hear of the usual ones.
#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequestParts<S> for HeldPermit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(HeldPermit { slots: parts.extensions.remove() })
    }
}
