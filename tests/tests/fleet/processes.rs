//! Processes that share nothing but a server.

use std::process::{Command, Stdio};
use std::time::Duration;

use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Limiter, Policy, Rule};
use tests::redis::{self, Server};

use super::{ask, now};

const PROCESSES: u32 = 8;
const BURST: u64 = 200;
const RATE: u64 = 500;
const TTL_MS: u64 = 100;
/// Units that may be set aside, in percent of the burst.
const PERCENT: u32 = 20;
const URL: &str = "LIMITER_TESTS_FLEET_URL";
const ASIDE: &str = "LIMITER_TESTS_FLEET_ASIDE";
const SECONDS: &str = "LIMITER_TESTS_FLEET_SECONDS";

/// Not a test: one of the processes, which [`hammer`] starts.
#[tokio::test]
async fn member() {
    let Ok(url) = std::env::var(URL) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let mut fleet = FleetOptions::new().nodes(PROCESSES).deadline(Duration::from_secs(2));
    if number(ASIDE) > 0 {
        fleet = fleet.set_aside(PERCENT, Duration::from_millis(TTL_MS));
    }
    let store = RedisStore::builder(url).fleet(fleet).connect().await.unwrap();
    let limiter = Limiter::builder().store(store).build();
    let quota = format!("{RATE}/s burst {BURST}");
    let policy = Policy::new("hammered", [Rule::new(quota.parse().unwrap())]).unwrap();
    let (began, mut admitted, mut asked) = (now(), 0u64, 0u64);
    while began.elapsed() < Duration::from_secs(number(SECONDS)) {
        let asking: Vec<_> = (0..8)
            .map(|_| {
                let (limiter, policy) = (limiter.clone(), policy.clone());
                tokio::spawn(async move { ask(&limiter, &policy, 1, 1).await.decision })
            })
            .collect();
        for one in asking {
            let decision = one.await.unwrap();
            assert!(!decision.is_degraded(), "{:?}", decision.source());
            admitted += u64::from(decision.is_allowed());
            asked += 1;
        }
        tokio::task::yield_now().await;
    }
    println!("ADMITTED {admitted} of {asked}.");
}

/// What all processes admit together, and how long they took.
fn hammer(server: &Server, aside: u32, seconds: u64) -> (u64, Duration) {
    let began = now();
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["processes::member", "--exact", "--nocapture"])
                .envs([(URL, server.url()), (ASIDE, aside.to_string()), (SECONDS, seconds.to_string())])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut admitted = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let said = text.split("ADMITTED ").nth(1).expect("it says how many");
        admitted += said.split(' ').next().unwrap().parse::<u64>().unwrap();
    }
    (admitted, began.elapsed())
}

/// As long as `LIMITER_TESTS_FLEET_TIME` says, in seconds.
fn seconds() -> u64 {
    std::env::var("LIMITER_TESTS_FLEET_TIME").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_that_hammer_one_key_admit_a_burst_and_the_rate_and_no_more() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let (admitted, took) = tokio::task::block_in_place(|| hammer(&server, 0, seconds()));
    let promised = BURST + RATE * took.as_millis() as u64 / 1_000;
    assert!(admitted <= promised, "{admitted} > {promised}");
    assert!(admitted >= BURST + RATE * seconds() * 8 / 10, "{admitted} of {promised}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_units_set_aside_they_stay_within_the_stated_bound() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let (admitted, took) = tokio::task::block_in_place(|| hammer(&server, 1, seconds()));
    let promised = BURST + RATE * took.as_millis() as u64 / 1_000;
    let largest = (BURST * u64::from(PERCENT) / 100 / u64::from(PROCESSES)).max(1);
    let bound = promised + (u64::from(PROCESSES) * (largest - 1)).min(RATE * TTL_MS / 1_000);
    assert!(admitted <= bound, "{admitted} > {bound}");
    assert!(admitted >= RATE * seconds() / 2, "{admitted} of {promised}");
}
