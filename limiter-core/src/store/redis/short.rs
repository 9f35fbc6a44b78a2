//! The short way of a decision about one cost: asked by itself, or together with others.

use ::redis::Value;

use super::desk::{Put, Short};
use super::encode;
use super::engine::{Answered, RedisEngine};
use super::failure::Failure;
use super::reply::Said;
use super::script::Script;
use crate::store::{Answer, Decide, Reply, StoreError};

impl RedisEngine {
    /// The short question that comes to the same, if there is one.
    pub(super) fn short(&self, decide: &Decide) -> Result<Option<Short>, StoreError> {
        let Some(call) = encode::one(&self.inner.names, decide)? else { return Ok(None) };
        let caller = self.caller(decide.now);
        let told = caller.is_some() || self.inner.distance.is_due(decide.now);
        Ok(Some(Short { call, clock: told.then(|| encode::clock(caller)) }))
    }

    pub(super) fn ask_short(&self, short: Short, decide: Decide) -> Reply<Answered> {
        let engine = self.clone();
        // By itself, so that neither is of a size that allocators are slow at.
        let decide = Box::new(decide);
        self.spawn(async move { (engine.decide_shortly(short, decide).await, None) })
    }

    async fn decide_shortly(&self, short: Short, decide: Box<Decide>) -> Answered {
        let (asked, script) = (self.asked(&decide), short.call.script);
        let said = match self.put_short(short).await {
            // There is more to it.
            Ok(Value::Nil) => {
                let question = self.question(*decide, None, true)?;
                return Box::pin(self.decide(&question)).await;
            }
            Ok(value) => Said::read_short(value, script, &decide).ok_or(Failure::Unreadable),
            Err(failure) => Err(failure),
        };
        let (allowed, refused) = self.told(&decide, asked, &said.map_err(|failure| self.failed(failure))?)?;
        Ok(Answer::Decided(allowed.or(refused).unwrap_or_default()))
    }

    async fn put_short(&self, short: Short) -> Result<Value, Failure> {
        let inner = &self.inner;
        let (_under_way, may_go_alone) = inner.desk.begin();
        if may_go_alone || !inner.gathers() {
            return inner.route.script(&short.alone()).await;
        }
        let script = short.call.script;
        let Put { is_first, told } = inner.desk.put(short);
        if is_first {
            inner.settings.runtime.spawn(self.clone().carry(script));
        }
        told.await.unwrap_or(Err(Failure::Down))
    }

    /// Takes what lies on the desk to the server.
    async fn carry(self, script: Script) {
        // Those who are about to ask have their turn first.
        tokio::task::yield_now().await;
        for together in self.inner.desk.take(script) {
            let inner = self.inner.clone();
            self.inner.settings.runtime.spawn(async move {
                let said = inner.route.script(&together.call).await;
                together.tell(said);
            });
            // It is on its way, and the server at work on it, before the next is written.
            tokio::task::yield_now().await;
        }
    }
}
