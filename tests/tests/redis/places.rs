//! Sentinel, cluster, logins, and what policies need of them.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params};
use limiter_core::key::{Global, Header, Key};
use limiter_core::store::redis::RedisStore;
use limiter_core::{Limiter, Policy, PolicyError, Rule};
use tests::redis::{self, Cluster, Sentinels, Server, until};

use crate::desk;

fn params() -> Params {
    Params::new(Algorithm::Bucket, "1000/h".parse().unwrap()).unwrap()
}

#[tokio::test]
async fn the_primary_that_sentinels_name_is_used_and_so_is_the_next() {
    if !redis::there() {
        return;
    }
    let mut all = Sentinels::start().await;
    let store = desk::plain(all.url()).deadline(Duration::from_millis(100)).connect().await.unwrap();
    until("it works", async || desk::decide(&store, &[desk::item("k", params(), 1)]).await.is_ok()).await;
    all.primary.kill();
    until("the replica is used", async || desk::decide(&store, &[desk::item("k", params(), 1)]).await.is_ok()).await;
    assert!(all.replica.command::<i64>("DBSIZE").await > 0);
}

#[tokio::test]
async fn a_cluster_is_used_as_a_whole_and_a_slot_is_followed_to_where_it_went() {
    if !redis::there() {
        return;
    }
    let cluster = Cluster::start().await;
    let store = desk::plain(cluster.url()).deadline(Duration::from_secs(5)).connect().await.unwrap();
    for n in 0..200 {
        let decided = desk::decide(&store, &[desk::item(&format!("k{n}"), params(), 1)]).await.unwrap();
        assert!(decided.allowed);
    }
    for primary in &cluster.servers[..3] {
        assert!(primary.command::<i64>("DBSIZE").await > 20, "every primary has its share");
    }
    // One principal's rules are one step; those of two are none.
    let pair = [desk::item("k1", params(), 1), desk::item("k1", Params::concurrent(5), 1)];
    assert!(desk::decide(&store, &pair).await.unwrap().allowed);
    let apart = [desk::item("k1", params(), 1), desk::item("k2", params(), 1)];
    assert!(desk::decide(&store, &apart).await.is_err());

    // Every slot of the first primary moves to the second, with what is in it.
    let id = async |server: &Server| server.command::<String>("CLUSTER MYID").await;
    let (from, to) = (id(&cluster.servers[0]).await, id(&cluster.servers[1]).await);
    let mut reshard = std::process::Command::new("redis-cli");
    reshard.args(["--cluster", "reshard", &cluster.servers[0].address.to_string()]);
    reshard.args(["--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", "5461", "--cluster-yes"]);
    let moving = tokio::task::spawn_blocking(move || reshard.output().unwrap());
    let mut asked = 0;
    while !moving.is_finished() {
        for n in 0..200 {
            let answer = desk::decide(&store, &[desk::item(&format!("k{n}"), params(), 1)]).await;
            assert!(answer.is_ok(), "after {asked}: {answer:?}");
            asked += 1;
        }
    }
    let output = moving.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // What the first has now it has as somebody's replica, if anything.
    assert!(cluster.servers[1].command::<i64>("DBSIZE").await > 100);
    for n in 0..200 {
        assert!(desk::decide(&store, &[desk::item(&format!("k{n}"), params(), 1)]).await.is_ok());
    }
}

#[tokio::test]
async fn a_primary_that_stands_still_is_left_for_the_replica_that_took_its_place() {
    if !redis::there() {
        return;
    }
    let cluster = Cluster::start().await;
    let store = desk::plain(cluster.url()).deadline(Duration::from_millis(500)).connect().await.unwrap();
    let all_work = async || {
        let asked: Vec<_> =
            (0..60).map(|n| desk::decide(&store, &[desk::item(&format!("k{n}"), params(), 1)])).collect();
        let mut worked = true;
        for answer in asked {
            worked &= answer.await.is_ok();
        }
        worked
    };
    until("all keys work", all_work).await;
    let frozen = &cluster.servers[0];
    frozen.signal("-STOP");
    let since = tokio::time::Instant::now();
    assert!(!all_work().await, "some keys were there");
    until("all keys work again", all_work).await;
    assert!(since.elapsed() < Duration::from_secs(10), "after {:?}", since.elapsed());
    frozen.signal("-CONT");
    for _ in 0..20 {
        assert!(all_work().await, "the one that comes back is a replica");
    }
}

#[tokio::test]
async fn a_policy_whose_keys_a_cluster_keeps_apart_is_refused_unless_they_share_a_tag() {
    if !redis::there() {
        return;
    }
    let cluster = Cluster::start().await;
    let by_client = Rule::new("10/s".parse().unwrap());
    let policy = Policy::new("two-keys", [by_client, Rule::new("100/h".parse().unwrap()).key(Global)]).unwrap();
    let limiter = Limiter::builder().store(RedisStore::connect(cluster.url()).await.unwrap()).build();
    let refused = limiter.prepare(&policy).unwrap_err();
    assert!(matches!(refused, PolicyError::Unsupported { .. }), "{refused}");
    assert!(refused.to_string().contains("shared tag"), "{refused}");
    let store = desk::plain(cluster.url()).shared_tag("all").connect().await.unwrap();
    Limiter::builder().store(store).build().prepare(&policy).unwrap();
}

#[tokio::test]
async fn secrets_need_a_secret_of_the_fleet_and_never_reach_the_server() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let policy = Policy::new(
        "keyed",
        [Rule::new("10/s".parse().unwrap()).key(Header::new("x-api-key".parse().unwrap())).trusted_key()],
    )
    .unwrap();
    let limiter = Limiter::builder().store(desk::plain(server.url()).connect().await.unwrap()).build();
    let refused = limiter.prepare(&policy).unwrap_err();
    assert!(refused.to_string().contains("fleet_secret"), "{refused}");
    let limiter = Limiter::builder()
        .fleet_secret("sixteen or more bytes")
        .store(desk::plain(server.url()).connect().await.unwrap())
        .build();
    // A policy is prepared once by each limiter; this one knows the secret.
    limiter.prepare(&policy).unwrap();
    let key = Key::from(limiter_core::key::Part::secret(b"hunter2"));
    match limiter.decide_key(&policy, &key, 1) {
        limiter_core::Reply::Now(ruling) => assert!(ruling.decision.is_allowed()),
        limiter_core::Reply::Later(ruling) => assert!(!ruling.await.decision.is_degraded()),
    }
    let keys: Vec<String> = server.command("KEYS *").await;
    assert!(keys.len() == 1 && !keys[0].contains("hunter2") && keys[0].contains("{s="), "{keys:?}");
}

#[tokio::test]
async fn a_user_with_a_password_gets_in_and_others_are_told_why_not() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let rule = "ACL SETUSER app on >secret ~limiter:* +evalsha +script|load +time +get +set +pttl +del +unlink +zrem";
    let _: String = server.command(rule).await;
    let url = |login: &str| format!("redis://{login}@{}", server.address);
    let store = RedisStore::connect(url("app:secret")).await.unwrap();
    assert!(desk::decide(&store, &[desk::item("k", params(), 1)]).await.unwrap().allowed);
    let wrong = RedisStore::connect(url("app:wrong")).await.unwrap_err().to_string();
    assert!(wrong.contains("cannot be reached") && !wrong.contains("wrong@"), "{wrong}");
}

/// Connects over TLS: run by the test below in a process of its own, which trusts another authority.
#[tokio::test]
#[ignore = "half of another test"]
async fn tls_client() {
    let store =
        desk::plain(std::env::var("LIMITER_TESTS_TLS").unwrap()).deadline(Duration::from_secs(5)).connect().await;
    assert!(desk::decide(&store.unwrap(), &[desk::item("k", params(), 1)]).await.unwrap().allowed);
}

#[tokio::test]
async fn a_server_is_reached_over_tls_if_its_certificate_is_trusted() {
    if !redis::there() || tests::require::program("openssl").is_none() {
        return;
    }
    let folder = tests::proxies::Folder::new();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-keyout", &path("key"), "-out", &path("cert"), "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = tests::proxies::free_port().port().to_string();
    let (cert, key) = (path("cert"), path("key"));
    let tls = ["--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &cert];
    let server = Server::start(&[tls.as_slice(), &["--tls-auth-clients", "no"]].concat()).await;
    let client = |trusted: Option<&str>| {
        let mut client = std::process::Command::new(std::env::current_exe().unwrap());
        client.args(["--exact", "places::tls_client", "--ignored"]);
        client.env("LIMITER_TESTS_TLS", format!("rediss://localhost:{port}"));
        trusted.map(|trusted| client.env("SSL_CERT_FILE", trusted));
        tokio::task::spawn_blocking(move || client.output().unwrap())
    };
    let refused = client(None).await.unwrap();
    assert!(!refused.status.success());
    let output = client(Some(&cert)).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    drop(server);
}
