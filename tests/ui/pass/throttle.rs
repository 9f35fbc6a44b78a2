//! Functions of all kinds under `#[throttle]`.

use limiter_tower::{Limiter, RateLimitExceeded, throttle};

#[derive(Debug)]
pub enum Error {
    Busy(RateLimitExceeded),
    Number(std::num::ParseIntError),
}

impl From<RateLimitExceeded> for Error {
    fn from(refused: RateLimitExceeded) -> Self {
        Error::Busy(refused)
    }
}

impl From<std::num::ParseIntError> for Error {
    fn from(error: std::num::ParseIntError) -> Self {
        Error::Number(error)
    }
}

type Answer<T> = Result<T, Error>;

mod facade {
    pub mod limits {
        pub use limiter_tower::*;
    }
}

/// Documented, public, behind an alias, and with a `?` of its own.
#[throttle("10/s burst 20, 100/min", key = text, max_wait = "1s", queue = 4, newest_first)]
pub async fn parse(text: &str) -> Answer<u64> {
    if text.is_empty() {
        return Ok(0);
    }
    Ok(text.parse()?)
}

#[throttle(concurrent = 2, lease = "1min", name = "slots", crate = crate::facade::limits)]
async fn first<'a, T: ?Sized>(one: &'a T, _other: &T) -> Answer<&'a T> {
    Ok(one)
}

fn of_all(owner: &String, size: &usize) -> (String, u64) {
    (owner.clone(), *size as u64 / 1024)
}

#[throttle("100/min", key = of_all, cost = |_, size| *size / 100, algorithm = "log", on_store_error = "closed", penalty)]
async fn store(owner: String, size: usize) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    drop(owner);
    Ok(size)
}

struct Api {
    limiter: Limiter,
    tenant: u64,
}

impl Api {
    #[throttle("1000/min", key = self.tenant, limiter = self.limiter, scope = "api")]
    #[allow(clippy::unused_self)]
    async fn call(&mut self, (a, b): (u64, u64), mut c: u64) -> Answer<u64> {
        c += a;
        Ok(b + c)
    }

    #[throttle("1000/min", key = |tenant, ..| *tenant, limiter = limiter())]
    async fn without_self(tenant: u64, _body: Vec<u8>) -> Answer<u64> {
        Ok(tenant)
    }
}

fn limiter() -> &'static Limiter {
    static LIMITER: std::sync::OnceLock<Limiter> = std::sync::OnceLock::new();
    LIMITER.get_or_init(Limiter::in_memory)
}

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(is_send(parse("7")).await.unwrap(), 7);
    assert!(matches!(parse("x").await, Err(Error::Number(_))));
    assert_eq!(first("a", "b").await.unwrap(), "a");
    assert_eq!(store("o".to_owned(), 2048).await.unwrap(), 2048);
    let mut api = Api { limiter: Limiter::in_memory(), tenant: 7 };
    assert_eq!(api.call((1, 2), 3).await.unwrap(), 6);
    assert_eq!(Api::without_self(5, Vec::new()).await.unwrap(), 5);
}
