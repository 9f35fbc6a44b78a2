//! Slots that run out unless they are renewed.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params};
use limiter_core::key::{Global, Key};
use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::{RedisStore, RedisStoreBuilder};
use limiter_core::store::{Decided, Item, Lease, Mode, Operation, Store};
use limiter_core::{Limiter, Policy, Reply, Rule, Ruling};
use tests::redis::{self, Server, until};
use tokio::time::{Instant, sleep, timeout};

use crate::desk;

const TTL: Duration = Duration::from_millis(600);

fn builder(url: &str) -> RedisStoreBuilder {
    desk::plain(url).deadline(Duration::from_secs(5)).lease(TTL)
}

async fn acquire(store: &RedisStore, limit: u64, cost: u64) -> Decided {
    desk::decide(store, &[desk::item("slots", Params::concurrent(limit), cost)]).await.unwrap()
}

async fn held(server: &Server) -> i64 {
    let keys: Vec<String> = server.command("KEYS *").await;
    match keys.first() {
        Some(key) => server.command(&format!("ZCARD {key}")).await,
        None => 0,
    }
}

fn limiter(store: RedisStore) -> (Limiter, Policy) {
    (Limiter::builder().store(store).build(), Policy::new("export", [Rule::concurrent(1).key(Global)]).unwrap())
}

async fn ask(limiter: &Limiter, policy: &Policy) -> Ruling {
    match limiter.decide_key(policy, &Key::everyone(), 1) {
        Reply::Now(ruling) => ruling,
        Reply::Later(ruling) => ruling.await,
    }
}

#[tokio::test]
async fn a_permit_is_renewed_for_as_long_as_it_is_held_and_then_given_back() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let (limiter, policy) = limiter(builder(&server.url()).connect().await.unwrap());
    let ruling = ask(&limiter, &policy).await;
    let permit = ruling.permit.unwrap();
    assert!(permit.lease().unwrap().fence().is_some());
    sleep(TTL * 3).await;
    assert!(!permit.lease().unwrap().is_lost());
    let refused = ask(&limiter, &policy).await;
    assert!(!refused.decision.is_allowed() && refused.permit.is_none());
    permit.release().await.unwrap();
    let again = ask(&limiter, &policy).await;
    assert!(again.decision.is_allowed());
    drop(again);
    until("a dropped permit is given back", async || held(&server).await == 0).await;
}

#[tokio::test]
async fn everybody_in_a_crowd_gets_a_lease_of_its_own() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    // With all that stands before the store.
    let fleet = FleetOptions::new().nodes(1).deadline(Duration::from_secs(5));
    let store = RedisStore::builder(server.url()).fleet(fleet).lease(TTL).connect().await.unwrap();
    let asked: Vec<_> =
        (0..20).map(|_| desk::decide(&store, &[desk::item("slots", Params::concurrent(3), 1)])).collect();
    let mut leases = Vec::new();
    for answer in asked {
        leases.extend(answer.await.unwrap().lease);
    }
    assert_eq!((leases.len(), held(&server).await), (3, 3));
    for lease in leases.into_iter().rev() {
        let before = held(&server).await;
        let release = Operation::Release { now: desk::now(), charges: Default::default(), lease: Some(lease) };
        desk::answer(store.submit(release)).await.unwrap();
        assert_eq!(held(&server).await, before - 1);
    }
}

#[tokio::test]
async fn the_refused_are_told_when_the_first_slot_runs_out() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = builder(&server.url()).connect().await.unwrap();
    let _one = acquire(&store, 2, 2).await;
    let refused = acquire(&store, 2, 1).await;
    assert!(!refused.allowed);
    let first = limiter_core::time::Nanos::new(refused.items[0].state.mark);
    let wait = Duration::from(first.saturating_sub(refused.now.unwrap().monotonic));
    assert!(wait > Duration::ZERO && wait <= TTL, "{wait:?}");
}

#[tokio::test]
async fn fences_grow_and_a_late_release_frees_nobody_elses_slot() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let (one, other) =
        (builder(&server.url()).connect().await.unwrap(), builder(&server.url()).connect().await.unwrap());
    let first = acquire(&one, 1, 1).await.lease.unwrap();
    // As if the server had lost it.
    let _: String = server.command("FLUSHALL").await;
    let second = acquire(&other, 1, 1).await.lease.unwrap();
    assert!(second.fence() > first.fence());
    // The first cannot be renewed: there is no room. Its holder is told.
    timeout(TTL * 2, first.lost()).await.expect("the holder is told");
    let release = |lease: &Arc<Lease>| Operation::Release {
        now: desk::now(),
        charges: Default::default(),
        lease: Some(Arc::clone(lease)),
    };
    desk::answer(one.submit(release(&first))).await.unwrap();
    assert_eq!(held(&server).await, 1);
    assert!(!second.is_lost());
    desk::answer(other.submit(release(&second))).await.unwrap();
    assert_eq!(held(&server).await, 0);
}

#[tokio::test]
async fn slots_are_taken_again_after_the_server_lost_its_data() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = builder(&server.url()).connect().await.unwrap();
    let leases = [acquire(&store, 3, 1).await.lease.unwrap(), acquire(&store, 3, 2).await.lease.unwrap()];
    let _: String = server.command("FLUSHALL").await;
    until("both are there again", async || held(&server).await == 3).await;
    assert!(leases.iter().all(|lease| !lease.is_lost()));
}

#[tokio::test]
async fn a_holder_hears_that_its_slots_are_lost_when_the_server_stays_away() {
    if !redis::there() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let store = builder(&server.url()).deadline(Duration::from_millis(50)).connect().await.unwrap();
    let lease = acquire(&store, 1, 1).await.lease.unwrap();
    let since = Instant::now();
    server.kill();
    timeout(TTL * 3, lease.lost()).await.expect("the holder is told");
    assert!(since.elapsed() <= TTL + Duration::from_millis(400), "after {:?}", since.elapsed());
}

#[tokio::test]
async fn a_slot_in_shadow_that_was_not_taken_is_not_renewed_into_being() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = builder(&server.url()).connect().await.unwrap();
    let shadow = |item: Item| Item { mode: Mode::Shadow, ..item };
    let never = Params::new(Algorithm::Bucket, "1/h".parse().unwrap()).unwrap();
    // One of the two refuses, so that neither is charged, and yet it passes.
    let items = [shadow(desk::item("slots", Params::concurrent(3), 1)), shadow(desk::item("never", never, 2))];
    let decided = desk::decide(&store, &items).await.unwrap();
    assert!(decided.allowed && decided.lease.is_none(), "{:?}", decided.lease);
    sleep(TTL).await;
    assert_eq!(server.command::<i64>("DBSIZE").await, 0);
}

#[tokio::test]
async fn whoever_stops_waiting_for_a_slot_does_not_keep_it() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = builder(&server.url()).lease(Duration::from_secs(600)).connect().await.unwrap();
    for _ in 0..20 {
        // Dropped before the answer, or with the answer on its way.
        let asked = desk::decide(&store, &[desk::item("slots", Params::concurrent(1), 1)]);
        if let Ok(answered) = timeout(Duration::from_micros(200), asked).await {
            let lease = answered.unwrap().lease;
            let release = Operation::Release { now: desk::now(), charges: Default::default(), lease };
            desk::answer(store.submit(release)).await.unwrap();
        }
    }
    until("all slots are free", async || held(&server).await == 0).await;
}

/// Holds ten slots until it is ended: run by the tests below in a process of its own.
#[tokio::test]
#[ignore = "half of another test"]
async fn holder() {
    let store = builder(&std::env::var("LIMITER_TESTS_HOLDER").unwrap()).connect().await.unwrap();
    let decided = acquire(&store, 10, 10).await;
    assert!(decided.allowed);
    decided.lease.unwrap().lost().await;
    std::process::exit(9);
}

fn hold(server: &Server) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leases::holder", "--ignored"])
        .env("LIMITER_TESTS_HOLDER", server.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn slots_of_a_killed_process_are_free_within_one_time_to_live() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let mut holder = hold(&server);
    until("the holder holds", async || held(&server).await == 10).await;
    sleep(TTL * 2).await;
    assert_eq!(held(&server).await, 10, "they are renewed");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let store = builder(&server.url()).connect().await.unwrap();
    let since = Instant::now();
    until("the slots are free", async || acquire(&store, 10, 10).await.allowed).await;
    assert!(since.elapsed() <= TTL + Duration::from_millis(400), "after {:?}", since.elapsed());
}

#[tokio::test]
async fn a_process_that_stood_still_for_too_long_hears_that_its_slots_are_lost() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let mut holder = hold(&server);
    until("the holder holds", async || held(&server).await == 10).await;
    let signal = |signal: &str| Command::new("kill").arg(signal).arg(holder.id().to_string()).status().unwrap();
    assert!(signal("-STOP").success());
    let store = builder(&server.url()).connect().await.unwrap();
    until("the slots are free", async || acquire(&store, 10, 10).await.allowed).await;
    assert!(signal("-CONT").success());
    let status = tokio::task::spawn_blocking(move || holder.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(9), "it ends when it is told");
}
