//! Counters and events for a fleet.

use std::time::Duration;

use ::redis::{Cmd, Value};

use super::RedisStore;
use super::encode::{Argument, Call, clock, number};
use super::engine::RedisEngine;
use super::failure::Failure;
use super::script::Script;
use super::target::text;
use crate::store::counters::{Counters, LARGEST};
use crate::store::polling::Pauses;
use crate::store::{Lifetime, Reply, StoreError};

/// A sum over counters with names of their own needs them on one server: in a cluster that takes a
/// shared tag. Waits look at their event at least twenty times a second.
impl Counters for RedisStore {
    fn get(&self, key: &str) -> Reply<Result<Option<i64>, StoreError>> {
        let key = self.engine().inner.names.plain(key, "counter");
        let mut get = ::redis::cmd("GET");
        get.arg(&key);
        self.engine().command_later(key, get, |value| match value {
            Value::Nil => Ok(None),
            value => match text(&value).and_then(|text| text.parse().ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(Failure::Foreign("a counter holds no number".to_owned())),
            },
        })
    }

    fn add(&self, key: &str, value: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        if value.unsigned_abs() > LARGEST.unsigned_abs() {
            return Reply::Now(Ok(false));
        }
        let key = self.engine().inner.names.plain(key, "counter");
        let mut set = ::redis::cmd("SET");
        set.arg(&key).arg(value).arg("NX").arg("PX").arg(lifetime.as_millis());
        self.engine().command_later(key, set, |value| Ok(value != Value::Nil))
    }

    fn incr(&self, key: &str, amount: u32, maximum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        change(self.engine(), key, None, i64::from(amount), (-LARGEST, maximum), lifetime)
    }

    fn decr(&self, key: &str, amount: u32, minimum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        change(self.engine(), key, None, -i64::from(amount), (minimum, LARGEST), lifetime)
    }

    fn incr_and_sum(
        &self,
        key: &str,
        keys: &[String],
        amount: u32,
        maximum: i64,
        lifetime: Lifetime,
    ) -> Reply<Result<bool, StoreError>> {
        change(self.engine(), key, Some(keys), i64::from(amount), (-LARGEST, maximum), lifetime)
    }

    fn wait(&self, event: &str, timeout: Duration) -> Reply<Result<bool, StoreError>> {
        let (engine, key) = (self.engine().clone(), self.engine().inner.names.plain(event, "event"));
        Reply::Later(Box::pin(async move {
            let mut look = ::redis::cmd("EXISTS");
            look.arg(&key);
            let mut pauses = Pauses::within(timeout);
            loop {
                match engine.inner.route.command(&key, &look).await {
                    Ok(Value::Int(1)) => return Ok(true),
                    Err(failure) if !pauses.bears(true) => return Err(engine.failed(failure)),
                    Err(_) => {}
                    Ok(_) => _ = pauses.bears(false),
                }
                if !pauses.pause().await {
                    // It may have come in the last pause.
                    let last = engine.inner.route.command(&key, &look).await;
                    return last.map(|there| there == Value::Int(1)).map_err(|failure| engine.failed(failure));
                }
            }
        }))
    }

    fn notify(&self, event: &str, lifetime: Lifetime) -> Reply<Result<(), StoreError>> {
        let key = self.engine().inner.names.plain(event, "event");
        let mut set = ::redis::cmd("SET");
        set.arg(&key).arg(1).arg("PX").arg(lifetime.as_millis());
        self.engine().command_later(key, set, |_| Ok(()))
    }
}

fn change(
    engine: &RedisEngine,
    key: &str,
    sum: Option<&[String]>,
    by: i64,
    (least, most): (i64, i64),
    lifetime: Lifetime,
) -> Reply<Result<bool, StoreError>> {
    if most < -LARGEST || least > LARGEST {
        return Reply::Now(Ok(false));
    }
    let name = |key: &str| engine.inner.names.plain(key, "counter");
    let bounds = [least.max(-LARGEST), most.min(LARGEST)].map(Argument::Number);
    let [least, most] = bounds;
    let mut arguments = vec![clock(None), Argument::Number(by), least, most];
    arguments.extend([number(lifetime.as_millis()), number(u64::from(sum.is_some()))]);
    let others = sum.unwrap_or_default().iter().map(|key| name(key));
    let call = Call {
        script: Script::Counter,
        keys: [name(key)].into_iter().chain(others).collect(),
        arguments: arguments.into(),
    };
    engine.answer_later(call, |value| match value {
        Value::Int(changed) => Some(changed == 1),
        _ => None,
    })
}

impl RedisEngine {
    /// Runs a plain command on a task of its own.
    fn command_later<T: Send + 'static>(
        &self,
        key: String,
        command: Cmd,
        read: impl FnOnce(Value) -> Result<T, Failure> + Send + 'static,
    ) -> Reply<Result<T, StoreError>> {
        let engine = self.clone();
        let task = self.inner.settings.runtime.spawn(async move {
            let said = engine.inner.route.command(&key, &command).await;
            said.and_then(read).map_err(|failure| engine.failed(failure))
        });
        Reply::Later(Box::pin(async move {
            task.await.unwrap_or_else(|_| Err(StoreError::unavailable("the runtime of the store has ended")))
        }))
    }
}
