//! Counters and events for a fleet.
//!
//! There is no step that touches two keys, so counters that can be summed live in one value: a group,
//! changed by whoever comes unless somebody else changed it meanwhile. Lifetimes are told by the wall
//! clocks of those who ask.

use std::sync::Arc;
use std::time::Duration;

use super::MemcachedStore;
use super::change::{Changed, Value, change};
use super::engine::Inner;
use super::fault::Fault;
use super::name::Name;
use super::protocol::{Command, Data, Expiry, Reply as Told};
use crate::store::counters::{Counters, LARGEST, changed};
use crate::store::polling::Pauses;
use crate::store::{Lifetime, Reply, StoreError};
use crate::time::Nanos;

/// The most counters of a group: all of it goes to the server and back with each change.
const MOST_COUNTERS: usize = 1000;
/// What bytes of ours begin with.
const MARK: &[u8] = b"L1C";

/// A counter of a group.
#[derive(Clone, Copy, Debug)]
struct Counter {
    key: u128,
    value: i64,
    /// In wall time.
    until: Nanos,
}

#[derive(Clone, Debug, Default)]
struct Group {
    counters: Vec<Counter>,
}

impl Group {
    fn value(&self, key: u128) -> Option<i64> {
        self.counters.iter().find(|counter| counter.key == key).map(|counter| counter.value)
    }

    /// `None` where there is no room for another.
    fn with(mut self, counter: Counter) -> Option<Self> {
        let room = self.counters.len() < MOST_COUNTERS;
        match self.counters.iter_mut().find(|known| known.key == counter.key) {
            Some(known) => *known = counter,
            None if room => self.counters.push(counter),
            None => return None,
        }
        Some(self)
    }
}

impl Value for Group {
    fn encode(&self) -> Data {
        let mut out = Data::from_slice(MARK);
        for counter in &self.counters {
            out.extend_from_slice(&counter.key.to_be_bytes());
            out.extend_from_slice(&counter.value.to_be_bytes());
            out.extend_from_slice(&counter.until.get().to_be_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (counters, rest) = bytes.strip_prefix(MARK)?.as_chunks::<32>();
        let counter = |bytes: &[u8; 32]| {
            let (key, rest) = bytes.split_first_chunk::<16>()?;
            let (value, until) = rest.split_first_chunk::<8>()?;
            let until = u64::from_be_bytes(*until.first_chunk::<8>()?);
            let (key, value) = (u128::from_be_bytes(*key), i64::from_be_bytes(*value));
            Some(Counter { key, value, until: Nanos::new(until) })
        };
        let counters = counters.iter().map(counter).collect::<Option<_>>()?;
        rest.is_empty().then_some(Group { counters })
    }

    fn until(&self) -> Nanos {
        self.counters.iter().map(|counter| counter.until).max().unwrap_or_default()
    }
}

/// Counters are kept in groups: what stands between the first braces of a key names its group, and keys
/// without braces are one group. A sum over keys of several groups is no single step here, and is refused
/// as unsupported. A group has room for 1,000 counters and is changed by one process at a time; give keys
/// that are never summed groups of their own, as in `{jobs}a` and `{mails}a`. Waits look at their event at
/// least twenty times a second.
impl Counters for MemcachedStore {
    fn get(&self, key: &str) -> Reply<Result<Option<i64>, StoreError>> {
        let hashed = hash(key);
        on_group(self.inner(), key, move |group, _| (None, Ok(group.value(hashed))))
    }

    fn add(&self, key: &str, value: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        if value.unsigned_abs() > LARGEST.unsigned_abs() {
            return Reply::Now(Ok(false));
        }
        let hashed = hash(key);
        on_group(self.inner(), key, move |group, wall| match group.value(hashed) {
            Some(_) => (None, Ok(false)),
            None => put(group, hashed, value, lifetime, wall),
        })
    }

    fn incr(&self, key: &str, amount: u32, maximum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        step(self.inner(), key, i64::from(amount), lifetime, move |value, _| value <= maximum)
    }

    fn decr(&self, key: &str, amount: u32, minimum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        step(self.inner(), key, -i64::from(amount), lifetime, move |value, _| value >= minimum)
    }

    fn incr_and_sum(
        &self,
        key: &str,
        keys: &[String],
        amount: u32,
        maximum: i64,
        lifetime: Lifetime,
    ) -> Reply<Result<bool, StoreError>> {
        if let Some(other) = keys.iter().find(|other| group_of(other) != group_of(key)) {
            let why = format!(
                "the counters `{key}` and `{other}` are of two groups, and memcached sums up one in a step; \
                 accepted: keys with the same text in braces, or all without"
            );
            return Reply::Now(Err(StoreError::unsupported_since(why)));
        }
        let (hashes, amount) = (keys.iter().map(|key| hash(key)).collect::<Vec<_>>(), i64::from(amount));
        step(self.inner(), key, amount, lifetime, move |value, group| {
            let add = |sum: i64, key: &u128| sum.saturating_add(group.value(*key).unwrap_or(0));
            value <= maximum && hashes.iter().fold(amount, add) <= maximum
        })
    }

    fn wait(&self, event: &str, timeout: Duration) -> Reply<Result<bool, StoreError>> {
        let inner = Arc::clone(self.inner());
        let name = Name::of_text(&inner.namespace, "event", event);
        Reply::Later(Box::pin(async move {
            let mut pauses = Pauses::within(timeout);
            loop {
                match has_come(&inner, &name).await {
                    Ok(true) => return Ok(true),
                    Ok(false) => _ = pauses.bears(false),
                    Err(fault) if !pauses.bears(true) => return Err(fault.into()),
                    Err(_) => {}
                }
                if !pauses.pause().await {
                    // It may have come in the last pause.
                    return has_come(&inner, &name).await.map_err(StoreError::from);
                }
            }
        }))
    }

    fn notify(&self, event: &str, lifetime: Lifetime) -> Reply<Result<(), StoreError>> {
        let (inner, lifetime) = (self.inner(), Nanos::from(Duration::from(lifetime)));
        let (name, wall) = (Name::of_text(&inner.namespace, "event", event), inner.clock.wall());
        let until = wall.saturating_add(lifetime).get().to_be_bytes();
        let expiry = Expiry::after(lifetime, wall);
        let set = Command::Set { key: name.text(), value: &until, expiry, condition: None };
        let told = inner.line(&name).ask(&[set]);
        Reply::Later(Box::pin(async move {
            match told.await?.into_iter().next() {
                Some(Told::Done { .. }) => Ok(()),
                other => Err(Fault::of(other.as_ref()).into()),
            }
        }))
    }
}

/// Whether an event has come, and its lifetime is not over.
async fn has_come(inner: &Inner, name: &Name) -> Result<bool, Fault> {
    match inner.line(name).ask(&[Command::Get { key: name.text() }]).await?.into_iter().next() {
        Some(Told::Absent) => Ok(false),
        Some(Told::Value { data, .. }) => match data.as_slice().try_into() {
            Ok(until) => Ok(inner.clock.wall().get() < u64::from_be_bytes(until)),
            Err(_) => Err(inner.foreign()),
        },
        other => Err(Fault::of(other.as_ref())),
    }
}

/// Changes the group of a key, of which those counters are left whose lifetime is not over.
fn on_group<T: Send + 'static>(
    inner: &Arc<Inner>,
    key: &str,
    with: impl Fn(Group, Nanos) -> Changed<Group, T> + Send + Sync + 'static,
) -> Reply<Result<T, StoreError>> {
    let name = Name::of_text(&inner.namespace, "counters", group_of(key));
    change(inner, name, move |group: Option<Group>, wall| {
        let mut group = group.unwrap_or_default();
        group.counters.retain(|counter| wall < counter.until);
        with(group, wall)
    })
}

/// Changes a counter if that fits.
fn step(
    inner: &Arc<Inner>,
    key: &str,
    by: i64,
    lifetime: Lifetime,
    fits: impl Fn(i64, &Group) -> bool + Send + Sync + 'static,
) -> Reply<Result<bool, StoreError>> {
    let hashed = hash(key);
    on_group(inner, key, move |group, wall| {
        let value = group.value(hashed).unwrap_or(0);
        match changed(value, by, |value| fits(value, &group)) {
            Some(value) => put(group, hashed, value, lifetime, wall),
            None => (None, Ok(false)),
        }
    })
}

fn put(group: Group, key: u128, value: i64, lifetime: Lifetime, wall: Nanos) -> Changed<Group, bool> {
    let until = wall.saturating_add(Nanos::from(Duration::from(lifetime)));
    match group.with(Counter { key, value, until }) {
        Some(group) => (Some(group), Ok(true)),
        None => {
            let why = format!("a group has room for {MOST_COUNTERS} counters, and all are taken");
            (None, Err(Fault::Refused(why.into())))
        }
    }
}

/// What is between the first braces of a key, or nothing.
fn group_of(key: &str) -> &str {
    key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(group, _)| group)
}

/// A key in sixteen bytes.
fn hash(key: &str) -> u128 {
    Name::of_text("", "", key).digest()
}
