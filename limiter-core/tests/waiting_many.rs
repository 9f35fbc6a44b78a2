//! Ten thousand wait for one key, and half of them give up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::time::TokioClock;
use limiter_core::{Limiter, Policy, Rule, Wait};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const WAITERS: usize = 10_000;
const WAIT: Wait = Wait::up_to(Duration::from_secs(600)).queue(WAITERS);

/// The same numbers in every run, spread like chance.
fn spread(number: usize) -> u64 {
    (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

#[test]
fn slots_are_never_shared_or_lost_while_half_of_those_who_wait_give_up() {
    const SLOTS: u32 = 4;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let (limiter, key) = (Limiter::in_memory(), Key::everyone());
        let policy = Policy::new("slots", [Rule::concurrent(SLOTS)]).unwrap();
        let (inside, served) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut stay = JoinSet::new();
        let mut go = Vec::new();
        for number in 0..WAITERS {
            let (acquire, inside, served) =
                (limiter.acquire(&policy, &key, WAIT), Arc::clone(&inside), Arc::clone(&served));
            let work = async move {
                let held = acquire.await.unwrap();
                assert!(inside.fetch_add(1, Ordering::SeqCst) < SLOTS as usize);
                let guard = Leaves(inside);
                tokio::task::yield_now().await;
                drop((guard, held));
                served.fetch_add(1, Ordering::SeqCst);
            };
            if spread(number).is_multiple_of(2) {
                stay.spawn(work);
            } else {
                go.push(tokio::spawn(work));
            }
            // Some give up while others are still on their way.
            if spread(number).is_multiple_of(3)
                && let Some(task) = go.pop()
            {
                task.abort();
            }
        }
        go.iter().for_each(tokio::task::JoinHandle::abort);
        let staying = stay.len();
        while let Some(ended) = stay.join_next().await {
            ended.unwrap();
        }
        for task in go {
            let _ = task.await;
        }
        assert!(served.load(Ordering::SeqCst) >= staying && staying > WAITERS / 3);
        // Whoever was aborted has been dropped by now or is about to be.
        while limiter.waiting_in_all() > 0 || inside.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        let held: Vec<_> = (0..SLOTS).map(|_| limiter.try_acquire(&policy, &key).unwrap()).collect();
        assert!(limiter.try_acquire(&policy, &key).is_err());
        drop(held);
        assert_eq!(limiter.waiting(&policy, &key), 0);
    });
}

/// One who was inside is not any more, even if it was aborted there: before its slot is given back.
struct Leaves(Arc<AtomicUsize>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_rate_not_one_unit_is_lost_while_half_of_those_who_wait_give_up() {
    let limiter = Limiter::builder().clock(TokioClock::new()).build();
    let policy = Policy::new("rate", [Rule::new("1000/s burst 1".parse().unwrap()).key(Global)]).unwrap();
    let (start, key) = (Instant::now(), Key::everyone());
    let served = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for number in 0..WAITERS {
        let (acquire, served) = (limiter.acquire(&policy, &key, WAIT), Arc::clone(&served));
        let work = async move {
            drop(acquire.await.unwrap());
            // One each millisecond, in the order in which they came.
            let before = u64::try_from(served.fetch_add(1, Ordering::SeqCst)).unwrap();
            assert_eq!(start.elapsed(), Duration::from_millis(before));
        };
        if number % 2 == 0 {
            tasks.spawn(work);
        } else {
            let patience = Duration::from_micros(spread(number) % 5_000_000);
            tasks.spawn(async move { drop(tokio::time::timeout(patience, work).await) });
        }
    }
    sleep(Duration::from_nanos(1)).await;
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let served = served.load(Ordering::SeqCst);
    assert!((WAITERS / 2..WAITERS).contains(&served), "{served}");
    assert_eq!(start.elapsed(), Duration::from_millis(served as u64 - 1));
    assert_eq!(limiter.waiting_in_all(), 0);
}
