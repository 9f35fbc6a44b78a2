//! Questions that nobody else depends on: whoever asked polls them, and no timer is theirs alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::front::{FleetOptions, Front};
use limiter_core::store::{Answer, Capabilities, Operation, StoreError};
use limiter_core::time::TokioClock;
use limiter_core::{Algorithm, Limiter, Reply, Ruling, Source, Store};
use tokio::time::Instant;

use crate::wire::{Fleet, answered, policy, sleep_ms};

#[tokio::test(start_paused = true)]
async fn each_of_many_keys_has_its_answer_at_its_own_deadline() {
    let fleet = Fleet::new(1, FleetOptions::new());
    fleet.wire.freeze(true);
    let policy = policy("1000/s");
    let mut waiting = Vec::new();
    for key in 0..45u64 {
        let reply = fleet.limiter.decide_key(&policy, &Key::from(key), 1);
        let began = Instant::now();
        waiting.push(tokio::spawn(async move { (answered(reply).await.decision.source(), began.elapsed()) }));
        sleep_ms(1).await;
    }
    for one in waiting {
        let (source, took) = one.await.unwrap();
        assert_eq!(source, Source::Local);
        assert!((49..=51).contains(&took.as_millis()), "{took:?}");
    }
    assert!(format!("{:?}", fleet.front).contains("under_way: 0"), "{:?}", fleet.front);
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_before_the_deadline_counts_and_one_just_after_does_not() {
    for (millis, expected) in [(12, Source::Store), (26, Source::Store), (48, Source::Store), (53, Source::Local)] {
        let (fleet, began) = (Fleet::new(millis, FleetOptions::new()), Instant::now());
        assert_eq!(fleet.say(&policy("1000/s"), 1).await.1, expected, "{millis}");
        assert!(began.elapsed() <= Duration::from_millis(51), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_waits_for_nobody_to_poll_the_question_before_his() {
    for polled in [false, true] {
        let fleet = Fleet::new(4, FleetOptions::new());
        let policy = policy("3/min");
        let Reply::Later(mut first) = fleet.limiter.decide_key(&policy, &Key::from(1u64), 1) else {
            panic!("answers come later")
        };
        if polled {
            assert!(tokio::time::timeout(Duration::from_millis(1), &mut first).await.is_err());
        }
        let began = Instant::now();
        let second = fleet.ask(&policy, 1, 1).await.decision;
        assert_eq!((second.source(), second.usages()[0].remaining()), (Source::Store, 1));
        assert!(began.elapsed() <= Duration::from_millis(8), "{:?}", began.elapsed());
        // Whoever asked first has been told meanwhile.
        let began = Instant::now();
        assert_eq!(first.await.decision.usages()[0].remaining(), 2);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_leaves_his_question_to_whoever_joined() {
    for gone_after in [0, 1, 3, 4, 5] {
        let fleet = Fleet::new(4, FleetOptions::new());
        let policy = policy("3/min");
        let first = answered(fleet.limiter.decide_key(&policy, &Key::from(1u64), 1));
        let second = answered(fleet.limiter.decide_key(&policy, &Key::from(1u64), 1));
        let _ = tokio::time::timeout(Duration::from_millis(gone_after), first).await;
        let second = second.await.decision;
        assert_eq!((second.source(), second.usages()[0].remaining()), (Source::Store, 1), "{gone_after}");
        assert!(format!("{:?}", fleet.front).contains("under_way: 0"), "{:?}", fleet.front);
    }
}

/// A store that never answers, or fails badly.
#[derive(Clone, Debug, Default)]
struct Odd {
    panics: Arc<AtomicU32>,
}

impl Store for Odd {
    fn submit(&self, _: Operation) -> Reply<Result<Answer, StoreError>> {
        let panics = self.panics.fetch_sub(1, Ordering::SeqCst);
        Reply::Later(Box::pin(async move {
            assert_ne!(panics, 1, "as it was told");
            core::future::pending().await
        }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&Algorithm::ALL, 1)
    }
}

fn odd(panics: u32) -> (Odd, Front<Odd>, Limiter) {
    let store = Odd { panics: Arc::new(AtomicU32::new(panics)) };
    let front = Front::new(store.clone(), FleetOptions::new());
    let limiter = Limiter::builder().store(front.clone()).clock(TokioClock::new()).build();
    (store, front, limiter)
}

fn ask(limiter: &Limiter) -> Reply<Ruling> {
    limiter.decide_key(&policy("5/min"), &Key::from(1u64), 1)
}

#[test]
fn where_the_runtime_is_shut_down_whoever_asks_on_in_another_has_his_answer_in_time() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let first = runtime();
    let (asked, front) = first.block_on(async {
        let (_, front, limiter) = odd(0);
        let mut asked = Box::pin(answered(ask(&limiter)));
        assert!(tokio::time::timeout(Duration::from_millis(5), &mut asked).await.is_err());
        (asked, front)
    });
    drop(first);
    runtime().block_on(async {
        let began = Instant::now();
        assert_eq!(asked.await.decision.source(), Source::Local);
        assert!(began.elapsed() <= Duration::from_millis(51), "{:?}", began.elapsed());
    });
    assert!(format!("{front:?}").contains("under_way: 0"), "{front:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_hangs_nobody() {
    let (_, front, limiter) = odd(1);
    let reply = ask(&limiter);
    assert!(tokio::spawn(answered(reply)).await.unwrap_err().is_panic());
    assert!(format!("{front:?}").contains("under_way: 0"), "{front:?}");
    let began = Instant::now();
    assert_eq!(answered(ask(&limiter)).await.decision.source(), Source::Local);
    assert_eq!(began.elapsed().as_millis(), 50);
}

#[tokio::test(start_paused = true)]
async fn nobody_who_watches_keeps_a_store_that_nobody_has() {
    let (store, front, limiter) = odd(0);
    drop(ask(&limiter));
    sleep_ms(60).await;
    let mut asked = Box::pin(answered(ask(&limiter)));
    assert!(tokio::time::timeout(Duration::from_millis(1), &mut asked).await.is_err());
    drop((front, limiter));
    assert_eq!(asked.await.decision.source(), Source::Local);
    assert_eq!(Arc::strong_count(&store.panics), 1);
}
