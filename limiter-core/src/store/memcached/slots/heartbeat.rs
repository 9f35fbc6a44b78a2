//! Renewing slots while their holders live, and telling holders who lost theirs. One task for all
//! that a store holds; it ends when nothing is held.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::{Arc, Weak};

use super::registry::Holding;
use super::{give_back, lost, release_id};
use crate::store::Lease;
use crate::store::memcached::engine::Inner;
use crate::store::memcached::fault::Fault;
use crate::store::memcached::protocol::{Command, Condition, Expiry, Reply};

/// Makes sure that what is held is renewed.
pub(super) fn start(inner: &Arc<Inner>) {
    if !inner.slots.beating.swap(true, Ordering::AcqRel) {
        let pause = inner.slots.pause().into();
        inner.runtime.spawn(beat(Arc::downgrade(inner), pause));
    }
}

async fn beat(inner: Weak<Inner>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = inner.upgrade() else { return };
        for id in inner.slots.ids() {
            let Some(holding) = inner.slots.get(id) else { continue };
            match holding.lease.upgrade() {
                Some(lease) => keep(&inner, &holding, &lease).await,
                None => release_id(&inner, id),
            }
        }
        if inner.slots.is_empty() {
            inner.slots.beating.store(false, Ordering::Release);
            // Somebody may have found the task still beating.
            if inner.slots.is_empty() || inner.slots.beating.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}

async fn keep(inner: &Arc<Inner>, holding: &Holding, lease: &Lease) {
    let now = || {
        let passed = inner.clock.read(false).monotonic.saturating_sub(holding.engine);
        holding.caller.saturating_add(passed)
    };
    let asked = now();
    match renew(inner, holding).await {
        Ok(Some(tokens)) => {
            lease.renew(asked.saturating_add(inner.slots.lease()));
            inner.slots.renewed(holding.id, &tokens);
        }
        // Others have one of them, or nobody has: the rest is of no use.
        Ok(None) => {
            if let Some(holding) = inner.slots.drop_holding(holding.id) {
                lost(inner, lease);
                give_back(inner, holding.digest, inner.slots.holder(holding.id), holding.slots);
            }
        }
        // Nobody knows. As long as the lease is valid, the server keeps the slots.
        Err(_) => {
            if !lease.is_valid(now()) && inner.slots.drop_holding(holding.id).is_some() {
                lost(inner, lease);
            }
        }
    }
}

/// Writes the slots anew. Their tokens, or `None` if one of them is not ours any more.
async fn renew(inner: &Arc<Inner>, holding: &Holding) -> Result<Option<Vec<u64>>, Fault> {
    let line = inner.ring.line(holding.digest);
    let holder = inner.slots.holder(holding.id);
    let expiry = Expiry::after(inner.slots.term(), inner.clock.wall());
    let mut tokens = Vec::with_capacity(holding.slots.len());
    for slot in &holding.slots {
        let write = |token| Command::Set {
            key: &slot.key,
            value: holder.as_bytes(),
            expiry,
            condition: Some(Condition::Unchanged(token)),
        };
        let mut reply = line.ask(&[write(slot.token)]).await?.into_iter().next();
        if reply == Some(Reply::Exists) {
            // An earlier renewal that nobody heard of changed the token; the name tells whose it is.
            let found = line.ask(&[Command::Get { key: &slot.key }]).await?.into_iter().next();
            match found {
                Some(Reply::Value { data, token: Some(token) }) if data.as_slice() == holder.as_bytes() => {
                    reply = line.ask(&[write(token)]).await?.into_iter().next();
                }
                _ => return Ok(None),
            }
        }
        match reply {
            Some(Reply::Done { token: Some(token) }) => tokens.push(token),
            Some(Reply::Exists | Reply::Absent) => return Ok(None),
            other => return Err(Fault::of(other.as_ref())),
        }
    }
    Ok(Some(tokens))
}
