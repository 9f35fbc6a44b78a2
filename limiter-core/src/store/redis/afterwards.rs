//! What is done about charges after they were made: settled, or forgotten.

use super::encode::{self, Call};
use super::engine::{Answered, RedisEngine};
use super::script::Script;
use crate::algorithm::Algorithm;
use crate::store::{Answer, Charged, Reply};
use crate::time::{Nanos, Now};

impl RedisEngine {
    pub(super) fn reset(&self, charges: &[Charged]) -> Reply<Answered> {
        // Slots are held, not used: their holders still give them back.
        let timed = charges.iter().filter(|charge| charge.params.algorithm() != Algorithm::Concurrent);
        let keys: Result<Vec<String>, _> =
            timed.map(|charge| self.inner.names.key(&charge.subject, &charge.params)).collect();
        let keys = match keys {
            Ok(keys) => keys,
            Err(refused) => return Reply::Now(Err(refused.into())),
        };
        let engine = self.clone();
        self.spawn(async move {
            for key in &keys {
                let mut command = ::redis::cmd("UNLINK");
                command.arg(key);
                if let Err(failure) = engine.inner.route.command(key, &command).await {
                    return (Err(engine.failed(failure)), None);
                }
            }
            (Ok(Answer::Done), None)
        })
    }

    pub(super) fn settle(&self, now: Now, charges: &[(Charged, i64)]) -> Reply<Answered> {
        let inner = &self.inner;
        let mut calls: Vec<Call> = Vec::new();
        for (charge, units) in charges.iter().filter(|(charge, _)| charge.params.algorithm() != Algorithm::Concurrent) {
            let key = match inner.names.key(&charge.subject, &charge.params) {
                Ok(key) => key,
                Err(refused) => return Reply::Now(Err(refused.into())),
            };
            let mut arguments = encode::Arguments::from_iter([encode::clock(self.caller(now))]);
            let most = i64::try_from(encode::LARGEST).unwrap_or(i64::MAX);
            let units = encode::Argument::Number((*units).clamp(-most, most));
            encode::rule(&mut arguments, &charge.params, "C", units, String::new(), 0);
            let until = inner.distance.to_server(charge.until.saturating_sub(Nanos::new(charge.params.slack())));
            let made = inner.distance.to_server(charge.at);
            let (until, beside) = match charge.params.algorithm() {
                Algorithm::Bucket => (until / 1000, until % 1000),
                _ => (encode::micros(until), encode::micros(made)),
            };
            arguments.extend([until, beside].map(encode::number));
            // One call a charge: they may live on different servers, and each stands for itself.
            calls.push(Call { script: Script::Settle, keys: encode::Keys::from_iter([key]), arguments });
        }
        let engine = self.clone();
        self.spawn(async move {
            let mut answer = Ok(Answer::Done);
            for call in &calls {
                if let Err(failure) = engine.inner.route.script(call).await {
                    answer = Err(engine.failed(failure));
                }
            }
            (answer, None)
        })
    }
}
