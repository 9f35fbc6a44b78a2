//! A server that is there and does not let us in, or no longer lets us do what we did.

use std::time::Duration;

use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Limiter, OnStoreError, Policy, Rule, Source};
use tests::redis::{self, Server};

use super::load::{DEADLINE, Load};
use super::{ALONE, Hiccups, ask, now};

/// What scripts and the store itself need, for a user of an ACL.
const USER: &str = "ACL SETUSER app reset on >secret ~limiter:* +evalsha +script|load +time +get +set +pttl +del \
                    +unlink +zrem +incrby +pexpiretime +hget +hset +hmget +pexpire";

async fn limiter(url: String) -> Limiter {
    let fleet = FleetOptions::new().deadline(DEADLINE);
    Limiter::builder().store(RedisStore::builder(url).fleet(fleet).connect().await.unwrap()).build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_that_are_taken_away_are_an_outage_that_ends_when_they_are_back() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    server.command::<String>(USER).await;
    let load = Load::on(&limiter(format!("redis://app:secret@{}", server.address)).await);
    load.until_stored().await;
    let mut outages = 0;
    // Scripts altogether; what they write; the keys; the user, and its connections with it.
    for taken in ["ACL SETUSER app -evalsha", "ACL SETUSER app -set", "ACL SETUSER app resetkeys ~other:*"] {
        server.command::<String>(taken).await;
        load.until_local().await;
        server.command::<String>(USER).await;
        load.until_stored().await;
        outages += 1;
    }
    server.command::<i64>("ACL DELUSER app").await;
    load.until_local().await;
    server.command::<String>(USER).await;
    load.until_stored().await;
    load.end(outages + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rule_says_what_a_denied_user_means_for_it() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    // Let in, and allowed nothing.
    server.command::<String>("ACL SETUSER app reset on >secret").await;
    let limiter = limiter(format!("redis://app:secret@{}", server.address)).await;
    let choices = [
        (OnStoreError::Open, Source::Open, 10),
        (OnStoreError::Closed, Source::Closed, 0),
        (OnStoreError::Local, Source::Local, 3),
    ];
    for (choice, source, admitted) in choices {
        let name = format!("denied-{choice:?}").to_lowercase();
        let rule = Rule::new("3/h".parse().unwrap()).on_store_error(choice);
        let policy = Policy::new(name, [rule]).unwrap();
        let (mut passed, hiccups) = (0, Hiccups::watch());
        for _ in 0..10 {
            let began = now();
            let decision = ask(&limiter, &policy, 1, 1).await.decision;
            assert!(began.elapsed() <= DEADLINE + hiccups.slack());
            assert_eq!(decision.source(), source);
            passed += u64::from(decision.is_allowed());
        }
        assert_eq!(passed, admitted, "{choice:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_see_the_map_of_a_cluster_is_told_so_when_it_connects() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start_as_cluster().await;
    server.command::<String>(USER).await;
    let url = format!("redis-cluster://app:secret@{}", server.address);
    let refused = RedisStore::connect(url.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("cannot be reached") && refused.to_lowercase().contains("permission"), "{refused}");
    assert!(!refused.contains("secret"), "{refused}");
    server.command::<String>("ACL SETUSER app +cluster|slots").await;
    let load = Load::on(&limiter(url).await);
    load.until_stored().await;
    load.end(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_no_room_for_another_client_is_an_outage_that_ends_when_there_is_some() {
    if !redis::there() {
        return;
    }
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]).await;
    let load = Load::on(&limiter(server.url()).await);
    load.until_stored().await;
    let mut admin = server.connection().await;
    let mut tell = async |command: &str| {
        let mut words = command.split(' ');
        let mut built = ::redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = built.arg(word));
        built.query_async::<::redis::Value>(&mut admin).await.unwrap()
    };
    // Who is in stays in.
    tell("CONFIG SET maxclients 1").await;
    load.until_stored().await;
    let began = now();
    let refused = RedisStore::connect(server.url()).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    if let Ok(store) = refused {
        // It was connected before it was turned away; then it finds that out at once.
        let policy = super::load::policy();
        let decision = ask(&Limiter::builder().store(store).build(), &policy, 1, 1).await.decision;
        assert_eq!(decision.source(), Source::Local);
    }
    tell("CLIENT KILL TYPE normal SKIPME yes").await;
    load.until_local().await;
    tell("CONFIG SET maxclients 100").await;
    load.until_stored().await;
    load.end(1).await;
}
