//! Functions of all kinds whose calls are settled by what they return.

use std::fmt::{Debug, Display};

use limiter_tower::{Limiter, Quota, RateLimitExceeded, throttle};

type Answer<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A `?`, a `return` and a boxed error that nothing but the signature names.
#[throttle("10/min", key = text, count = "failed", mode = "wait", max_wait = "1s", queue = 4)]
pub async fn parse(text: &str) -> Answer<u64> {
    if text.is_empty() {
        return Err("nothing to parse".into());
    }
    for part in text.split(',') {
        if part.len() > 20 {
            return Ok(u64::MAX);
        }
    }
    Ok(text.parse()?)
}

fn length<T: AsRef<str>, E>(outcome: &Result<T, E>) -> usize {
    outcome.as_ref().map_or(0, |text| text.as_ref().len())
}

#[throttle("1000/min", cost = |text| text.as_ref().len() + 100, settle = length)]
async fn echo<'a, T: AsRef<str> + ?Sized>(text: &'a T) -> Result<&'a str, RateLimitExceeded> {
    Ok(text.as_ref())
}

#[throttle("10/min", count = Result::is_err, settle_within = "5s", unsettled = "refund")]
async fn shown(what: impl Debug) -> Answer<(impl Display, Vec<impl Display>)> {
    Ok((format!("{what:?}"), vec![1, 2]))
}

struct Api {
    limiter: Limiter,
    tenant: u64,
    calls: u64,
}

impl Api {
    fn quota(&self) -> Quota {
        Quota::per_minute(self.tenant)
    }

    #[throttle(
        "10/min", concurrent = 3, quota = self.quota(), key = self.tenant, limiter = self.limiter,
        count = |outcome| matches!(outcome, Ok(0)), mode = "lenient", in_flight = 5, algorithm = "fixed", shadow
    )]
    async fn call(&mut self, (a, b): (u64, u64), mut c: u64) -> Answer<u64> {
        self.calls += 1;
        c += a;
        Ok(b + c)
    }

    #[throttle("10/s", quota = |tenant, ..| Quota::per_second(*tenant), spaced, max_wait = "1s", settle = |_| 1)]
    async fn without_self(tenant: u64, _body: Vec<u8>) -> Answer<Self> {
        Ok(Api { limiter: Limiter::in_memory(), tenant, calls: 0 })
    }
}

/// Each has a function of its own.
#[throttle("10/min", count = "success")]
#[throttle("100/h", settle = |outcome| u32::from(outcome.is_ok()))]
async fn twice(text: String) -> Result<String, RateLimitExceeded> {
    Ok(text)
}

macro_rules! throttled {
    ($name:ident, $quota:literal, $count:expr) => {
        #[throttle($quota, count = $count)]
        async fn $name(number: u64) -> Result<u64, RateLimitExceeded> {
            Ok(number)
        }
    };
}

throttled!(from_a_macro, "5/min", |outcome| outcome.is_ok());

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(is_send(parse("5")).await.unwrap(), 5);
    assert!(parse("").await.is_err() && parse("x").await.is_err());
    assert_eq!(is_send(echo("text")).await.unwrap(), "text");
    let (one, many) = shown(5).await.unwrap();
    assert_eq!((one.to_string(), many.len()), ("5".to_owned(), 2));
    let mut api = Api::without_self(5, Vec::new()).await.unwrap();
    assert_eq!(is_send(api.call((1, 2), 3)).await.unwrap(), 6);
    assert_eq!(api.calls, 1);
    assert_eq!(twice("text".to_owned()).await.unwrap(), "text");
    assert_eq!(from_a_macro(5).await.unwrap(), 5);
}
