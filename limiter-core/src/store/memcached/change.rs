//! Values of a kind of their own that are changed by whoever comes, unless somebody else changed them
//! meanwhile: barriers and groups of counters.
//!
//! Callers of one process take turns at a value, so that processes contend with each other, never with
//! themselves.

use std::sync::Arc;

use tokio::sync::{Mutex, oneshot};

use super::engine::Inner;
use super::fault::Fault;
use super::name::Name;
use super::protocol::{Command, Condition, Data, Expiry, Reply as Told};
use super::stats::count;
use crate::store::{Reply, StoreError};
use crate::time::Nanos;

/// Changes that were beaten by others before one is given up.
const ATTEMPTS: usize = 64;
/// Values that are changed in turn; those beyond share a place with another.
const PLACES: usize = 64;

/// What is kept at the server.
pub(super) trait Value: Clone + Send + 'static {
    fn encode(&self) -> Data;

    /// `None` if these bytes were not written by [`encode`](Self::encode).
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// When it is of no use any more, in wall time.
    fn until(&self) -> Nanos;
}

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns {
    places: Box<[Mutex<()>]>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Turns { places: (0..PLACES).map(|_| Mutex::const_new(())).collect() }
    }
}

/// What to keep, if that is to be something else, and what to answer.
pub(super) type Changed<V, T> = (Option<V>, Result<T, Fault>);

/// Changes a value, in a task of its own. `with` is given what is kept of it, in date or not, and the
/// time. It may be asked more than once.
pub(super) fn change<V: Value, T: Send + 'static>(
    inner: &Arc<Inner>,
    name: Name,
    with: impl Fn(Option<V>, Nanos) -> Changed<V, T> + Send + Sync + 'static,
) -> Reply<Result<T, StoreError>> {
    let (tell, told) = oneshot::channel();
    let inner = Arc::clone(inner);
    let runtime = inner.runtime.clone();
    runtime.spawn(async move {
        // Whoever asked may have left.
        let _ = tell.send(attempt(&inner, &name, &with).await);
    });
    Reply::Later(Box::pin(async move {
        let told = told.await.unwrap_or_else(|_| Err(Fault::Down("the store was closed".into())));
        told.map_err(StoreError::from)
    }))
}

async fn attempt<V: Value, T>(
    inner: &Inner,
    name: &Name,
    with: &(impl Fn(Option<V>, Nanos) -> Changed<V, T> + Send + Sync),
) -> Result<T, Fault> {
    let (line, key) = (inner.line(name), name.text());
    let _turn = match inner.turns.places.get(name.digest() as usize % PLACES) {
        Some(place) => Some(place.lock().await),
        None => None,
    };
    for _ in 0..ATTEMPTS {
        let (kept, unless) = match line.ask(&[Command::Get { key }]).await?.into_iter().next() {
            Some(Told::Absent) => (None, Condition::Absent),
            Some(Told::Value { data, token: Some(token) }) => {
                (Some(V::decode(&data).ok_or_else(|| inner.foreign())?), Condition::Unchanged(token))
            }
            other => return Err(Fault::of(other.as_ref())),
        };
        let wall = inner.clock.wall();
        let (value, answer) = with(kept, wall);
        let Some(value) = value else { return answer };
        let (bytes, expiry) = (value.encode(), Expiry::after(value.until().saturating_sub(wall), wall));
        let set = Command::Set { key, value: &bytes, expiry, condition: Some(unless) };
        match line.ask(&[set]).await?.into_iter().next() {
            Some(Told::Done { .. }) => return answer,
            Some(Told::Exists | Told::Absent) => count(&inner.counters.contended),
            other => return Err(Fault::of(other.as_ref())),
        }
    }
    Err(Fault::Contended)
}
