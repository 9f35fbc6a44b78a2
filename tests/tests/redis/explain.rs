//! How a key stands, and a fresh start for it, at a server.

use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Limiter, Policy, Reply, Rule};
use tests::redis::{self, Server, until};

use crate::desk;

async fn passes(limiter: &Limiter, policy: &Policy, key: &Key) -> bool {
    let ruling = match limiter.decide_key(policy, key, 1) {
        Reply::Now(ruling) => ruling,
        Reply::Later(ruling) => ruling.await,
    };
    assert!(!ruling.decision.is_degraded());
    ruling.decision.is_allowed()
}

/// What is left of each rule, by the policy's name, and whether a request would pass.
async fn standing(limiter: &Limiter, key: &Key) -> Vec<(String, bool, Vec<u64>)> {
    let mut all = Vec::new();
    for one in limiter.explain_everywhere(key).await.unwrap() {
        let left = one.rules.iter().map(|rule| rule.usage.remaining()).collect();
        all.push((one.policy.to_string(), one.allowed, left));
    }
    all
}

#[tokio::test]
async fn a_key_is_explained_without_charge_and_forgotten_by_every_policy_that_was_met() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let patient = Duration::from_secs(10);
    // One with all that stands before a server: refusals that it remembers are forgotten too.
    let store = RedisStore::builder(server.url()).deadline(patient).connect().await.unwrap();
    let limiter = Limiter::builder().store(store).build();
    let beside = desk::plain(server.url()).deadline(patient).connect().await.unwrap();
    let beside = Limiter::builder().store(beside).build();

    let login = Policy::new("login", [Rule::new("1/h".parse().unwrap())]).unwrap();
    let search =
        Policy::new("search", [Rule::new("5/h".parse().unwrap()), Rule::new("9/d".parse().unwrap()).named("daily")]);
    let search = search.unwrap();
    let (one, other) = (Key::from(7_u64), Key::from(8_u64));
    for key in [&one, &other] {
        assert!(passes(&limiter, &login, key).await && !passes(&limiter, &login, key).await);
        assert!(passes(&limiter, &search, key).await);
    }

    let spent = [("login".to_owned(), false, vec![0]), ("search".to_owned(), true, vec![4, 8])];
    let fresh = [("login".to_owned(), true, vec![1]), ("search".to_owned(), true, vec![5, 9])];
    for _ in 0..3 {
        assert_eq!(standing(&limiter, &one).await, spent, "asking charges nothing");
    }
    let found = match beside.explain(&login, &one).unwrap() {
        Reply::Now(found) => found.unwrap(),
        Reply::Later(found) => found.await.unwrap(),
    };
    let text = found.to_string();
    assert!(text.starts_with("login: would refuse\n  login by ip: refuses, 0 of 1 left"), "{text}");

    limiter.reset_everywhere(&one);
    until("it is forgotten", async || standing(&limiter, &one).await == fresh).await;
    assert_eq!(standing(&limiter, &other).await, spent, "another key keeps what it used");
    assert!(passes(&limiter, &login, &one).await && !passes(&beside, &login, &one).await);
    assert!(!passes(&limiter, &login, &other).await);
}
