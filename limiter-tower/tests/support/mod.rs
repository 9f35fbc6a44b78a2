//! What the tests have in common: limiters under a manual clock, services, requests.
#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use limiter_core::testing::ManualClock;
use limiter_tower::store::memory::MemoryStore;
use limiter_tower::store::{Answer, Capabilities, Operation, Reply, Store, StoreError};
use limiter_tower::{
    Decision, Global, Key, Limiter, Observer, PeerAddr, Policy, Quota, RateLimitLayer, Rule, Warning, event::Event,
};
use tokio::sync::watch;
use tower::{Service, ServiceExt};

pub(crate) type TestBody = Full<Bytes>;

/// A limiter whose clock stands still.
pub(crate) fn limiter() -> Limiter {
    Limiter::builder().clock(ManualClock::new()).build()
}

/// `count` a minute for everybody together, decided by `limiter`.
pub(crate) fn shared(count: u64, limiter: &Limiter) -> RateLimitLayer {
    RateLimitLayer::builder()
        .rule(Rule::new(Quota::per_minute(count)).key(Global))
        .limiter(limiter.clone())
        .build()
        .unwrap()
}

/// One at a time for everybody together; the policy tells whether the slot is free.
pub(crate) fn one_at_a_time(limiter: &Limiter) -> (RateLimitLayer, Policy) {
    let policy = Policy::new("slots", [Rule::concurrent(1)]).unwrap();
    let layer = RateLimitLayer::builder().policy(policy.clone()).limiter(limiter.clone()).build().unwrap();
    (layer, policy)
}

pub(crate) fn is_free(limiter: &Limiter, policy: &Policy) -> bool {
    limiter.peek(policy, &Key::everyone(), 1).is_allowed()
}

pub(crate) fn remaining(limiter: &Limiter, policy: &Policy) -> u64 {
    limiter.peek(policy, &Key::everyone(), 0).usages()[0].remaining()
}

pub(crate) async fn ok(_: Request<TestBody>) -> Result<Response<TestBody>, Infallible> {
    Ok(Response::new(Full::from("fine")))
}

pub(crate) fn get(path: &str) -> Request<TestBody> {
    Request::get(path).body(Full::default()).unwrap()
}

pub(crate) fn from(peer: [u8; 4]) -> Request<TestBody> {
    let mut request = get("/");
    request.extensions_mut().insert(PeerAddr(SocketAddr::from((peer, 4711))));
    request
}

pub(crate) async fn status<S, B, R>(service: &S, request: Request<B>) -> StatusCode
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
{
    service.clone().oneshot(request).await.unwrap().status()
}

/// Notes what a limiter tells.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }
}

impl Observer for Notes {
    fn on_allow(&self, event: &Event<'_>) {
        self.add(told("allow", event.decision));
    }

    fn on_deny(&self, event: &Event<'_>) {
        self.add(told("deny", event.decision));
    }

    fn on_warning(&self, warning: &Warning) {
        self.add(warning.code());
    }
}

fn told(what: &str, decision: &Decision) -> String {
    format!("{what} {:?}", decision.source())
}

/// A store that has decided when it is asked, and answers when it is told to.
#[derive(Debug)]
pub(crate) struct LaterStore {
    memory: MemoryStore,
    when: watch::Receiver<When>,
}

/// Tells a [`LaterStore`] what to do.
pub(crate) struct Answers(watch::Sender<When>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Held,
    Answer,
    Fail,
}

impl LaterStore {
    pub(crate) fn new() -> (Self, Answers) {
        let (tell, when) = watch::channel(When::Held);
        (LaterStore { memory: MemoryStore::new(), when }, Answers(tell))
    }
}

impl Answers {
    /// Answers, now and from now on.
    pub(crate) fn release(&self) {
        self.0.send(When::Answer).unwrap();
    }

    /// Fails, now and from now on.
    pub(crate) fn fail(&self) {
        self.0.send(When::Fail).unwrap();
    }
}

impl Store for LaterStore {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        let wait = matches!(operation, Operation::Decide(_));
        let Reply::Now(answer) = self.memory.submit(operation) else { unreachable!("memory answers at once") };
        if !wait {
            return Reply::Now(answer);
        }
        let mut when = self.when.clone();
        Reply::Later(Box::pin(async move {
            match when.wait_for(|when| *when != When::Held).await.map(|when| *when) {
                Ok(When::Answer) => answer,
                _ => Err(StoreError::unavailable("gone")),
            }
        }))
    }

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }
}

/// A store that always fails, at once.
#[derive(Debug)]
pub(crate) struct BrokenStore;

impl Store for BrokenStore {
    fn submit(&self, _: Operation) -> Reply<Result<Answer, StoreError>> {
        Reply::Now(Err(StoreError::unavailable("gone")))
    }

    fn capabilities(&self) -> Capabilities {
        MemoryStore::new().capabilities()
    }
}
