//! The suites of barriers and counters accept what keeps its promises and catch what does not.

use std::num::NonZeroU32;
use std::time::Duration;

use limiter_core::store::contract::{Broken, InPausedTime, barriers, counters};
use limiter_core::store::memory::{MemoryBarriers, MemoryCounters};
use limiter_core::store::{Arrival, AtTimeout, Barriers, Counters, Lifetime, Reply, StoreError, Ticket, Waited};
use limiter_core::time::TokioClock;

#[test]
fn barriers_in_memory_keep_every_promise() {
    barriers::assert_keeps(&InPausedTime::new(|clock| MemoryBarriers::with_clock(clock, 100)).unwrap());
}

#[test]
fn counters_in_memory_keep_every_promise() {
    counters::assert_keeps(&InPausedTime::new(|clock| MemoryCounters::with_clock(clock, 100)).unwrap());
}

/// What a store of barriers does wrong.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// Every arrival counts.
    ForgetsNames,
    /// Every creation succeeds in words.
    AlwaysCreates,
    /// All barriers are of one generation.
    OneGeneration,
    /// What is withdrawn counts still.
    NeverWithdraws,
    /// A wait goes to its timeout.
    SleepsThrough,
    /// A missing barrier is a cleared one.
    MissingIsCleared,
}

#[derive(Debug)]
struct BrokenBarriers {
    inner: MemoryBarriers,
    wrong: Wrong,
}

impl Barriers for BrokenBarriers {
    fn create(&self, barrier: &str, parties: NonZeroU32, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        match (self.inner.create(barrier, parties, lifetime), self.wrong) {
            (Reply::Now(_), Wrong::AlwaysCreates) => Reply::Now(Ok(true)),
            (reply, _) => reply,
        }
    }

    fn arrive(&self, barrier: &str, party: Option<&str>) -> Reply<Result<Arrival, StoreError>> {
        let party = party.filter(|_| !matches!(self.wrong, Wrong::ForgetsNames));
        match (self.inner.arrive(barrier, party), self.wrong) {
            (Reply::Now(Ok(Arrival::NoSuchBarrier)), Wrong::MissingIsCleared) => {
                Reply::Now(Ok(Arrival::Cleared { generation: 0 }))
            }
            (Reply::Now(Ok(Arrival::Waiting { missing, .. })), Wrong::OneGeneration) => {
                Reply::Now(Ok(Arrival::Waiting { ticket: Ticket::new(barrier, party, 1), missing }))
            }
            (reply, _) => reply,
        }
    }

    fn wait(&self, ticket: &Ticket, timeout: Duration, then: AtTimeout) -> Reply<Result<Waited, StoreError>> {
        match self.wrong {
            Wrong::NeverWithdraws => self.inner.wait(ticket, timeout, AtTimeout::Keep),
            Wrong::SleepsThrough if timeout < Duration::from_secs(100) => {
                let (inner, ticket) = (self.inner.clone(), ticket.clone());
                Reply::Later(Box::pin(async move {
                    tokio::time::sleep(timeout).await;
                    match inner.wait(&ticket, Duration::ZERO, then) {
                        Reply::Now(answer) => answer,
                        Reply::Later(answer) => answer.await,
                    }
                }))
            }
            _ => self.inner.wait(ticket, timeout, then),
        }
    }
}

fn numbers(checked: Result<(), Vec<Broken>>) -> Vec<u8> {
    let broken = checked.expect_err("a broken store passed");
    assert!(broken.iter().all(|broken| !broken.what.is_empty() && !broken.trace.is_empty()), "{broken:?}");
    broken.iter().map(|broken| broken.promise).collect()
}

#[test]
fn broken_barriers_are_caught_by_the_promise_they_break() {
    for (wrong, promises) in [
        (Wrong::ForgetsNames, &[3][..]),
        (Wrong::AlwaysCreates, &[1]),
        (Wrong::OneGeneration, &[8]),
        (Wrong::NeverWithdraws, &[7]),
        (Wrong::SleepsThrough, &[6]),
        (Wrong::MissingIsCleared, &[5]),
    ] {
        let make = |clock: TokioClock| BrokenBarriers { inner: MemoryBarriers::with_clock(clock, 100), wrong };
        let caught = numbers(barriers::check(&InPausedTime::new(make).unwrap()));
        assert!(promises.iter().all(|promise| caught.contains(promise)), "{wrong:?}: {caught:?}");
    }
}

/// What a store of counters does wrong.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// Events are heard only by those who wait already.
    Momentary,
    /// Reads, and writes what follows from it.
    GetThenSet,
    /// What is refused is counted.
    CountsRefusals,
    /// The sum leaves the own key out.
    SumsOthers,
    /// A change leaves the lifetime as it was.
    KeepsLifetime,
}

#[derive(Debug)]
struct BrokenCounters {
    inner: MemoryCounters,
    flaw: Flaw,
}

fn now<T>(reply: Reply<T>) -> T {
    match reply {
        Reply::Now(answer) => answer,
        Reply::Later(_) => panic!("counters in memory answer at once"),
    }
}

impl Counters for BrokenCounters {
    fn get(&self, key: &str) -> Reply<Result<Option<i64>, StoreError>> {
        self.inner.get(key)
    }

    fn add(&self, key: &str, value: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        self.inner.add(key, value, lifetime)
    }

    fn incr(&self, key: &str, amount: u32, maximum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        match self.flaw {
            Flaw::GetThenSet => {
                // What it reads when it is asked decides when it gets round to it.
                let fits = now(self.inner.get(key)).unwrap().unwrap_or(0) + i64::from(amount) <= maximum;
                let (inner, key) = (self.inner.clone(), key.to_owned());
                Reply::Later(Box::pin(
                    async move { Ok(fits && now(inner.incr(&key, amount, i64::MAX, lifetime)).unwrap()) },
                ))
            }
            Flaw::CountsRefusals => {
                let fits = now(self.inner.incr(key, amount, maximum, lifetime)).unwrap();
                if !fits {
                    let _ = self.inner.incr(key, amount, i64::MAX, lifetime);
                }
                Reply::Now(Ok(fits))
            }
            // As good as no change at all, once the lifetime is over.
            Flaw::KeepsLifetime if now(self.inner.get(key)).unwrap().is_some() => Reply::Now(Ok(true)),
            _ => self.inner.incr(key, amount, maximum, lifetime),
        }
    }

    fn decr(&self, key: &str, amount: u32, minimum: i64, lifetime: Lifetime) -> Reply<Result<bool, StoreError>> {
        self.inner.decr(key, amount, minimum, lifetime)
    }

    fn incr_and_sum(
        &self,
        key: &str,
        keys: &[String],
        amount: u32,
        maximum: i64,
        lifetime: Lifetime,
    ) -> Reply<Result<bool, StoreError>> {
        let mut keys = keys.to_vec();
        if let Flaw::SumsOthers = self.flaw {
            keys.retain(|other| other != key);
        }
        self.inner.incr_and_sum(key, &keys, amount, maximum, lifetime)
    }

    fn wait(&self, event: &str, timeout: Duration) -> Reply<Result<bool, StoreError>> {
        self.inner.wait(event, timeout)
    }

    fn notify(&self, event: &str, lifetime: Lifetime) -> Reply<Result<(), StoreError>> {
        let brief = Lifetime::new(Duration::from_millis(1)).unwrap();
        self.inner.notify(event, if matches!(self.flaw, Flaw::Momentary) { brief } else { lifetime })
    }
}

#[test]
fn broken_counters_are_caught_by_the_promise_they_break() {
    for (flaw, promise) in [
        (Flaw::Momentary, 6),
        (Flaw::GetThenSet, 1),
        (Flaw::CountsRefusals, 3),
        (Flaw::SumsOthers, 1),
        (Flaw::KeepsLifetime, 5),
    ] {
        let make = |clock: TokioClock| BrokenCounters { inner: MemoryCounters::with_clock(clock, 100), flaw };
        let caught = numbers(counters::check(&InPausedTime::new(make).unwrap()));
        assert!(caught.contains(&promise), "{flaw:?}: {caught:?}");
    }
}

#[test]
fn a_wait_that_is_dropped_withdraws_its_arrival_where_that_was_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let barriers = MemoryBarriers::with_clock(TokioClock::new(), 10);
        now(barriers.create("b", NonZeroU32::new(2).unwrap(), Lifetime::QUARTER_HOUR)).unwrap();
        for (then, missing) in [(AtTimeout::Withdraw, 1), (AtTimeout::Keep, 1)] {
            let Ok(Arrival::Waiting { ticket, missing: told }) = now(barriers.arrive("b", Some("a"))) else {
                panic!("the barrier was cleared")
            };
            assert_eq!(told, missing);
            let Reply::Later(wait) = barriers.wait(&ticket, Duration::from_secs(9), then) else { panic!("at once") };
            let given_up = tokio::time::timeout(Duration::from_secs(1), wait).await;
            assert!(given_up.is_err());
        }
        // The second one counts still.
        assert!(now(barriers.arrive("b", Some("b"))).unwrap().is_cleared());
    });
}

#[test]
fn full_tables_turn_new_names_away_until_a_lifetime_is_over() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let second = Lifetime::new(Duration::from_secs(1)).unwrap();
        let barriers = MemoryBarriers::with_clock(TokioClock::new(), 2);
        let create = |name: &str| now(barriers.create(name, NonZeroU32::MIN, second));
        assert!(create("a").unwrap() && create("b").unwrap());
        let full = create("c").unwrap_err();
        assert_eq!(
            std::error::Error::source(&full).unwrap().to_string(),
            "there is no room for another until the lifetime of one is over"
        );
        assert!(!create("a").unwrap());

        let counters = MemoryCounters::with_clock(TokioClock::new(), 2);
        let incr = |key: &str| now(counters.incr(key, 1, 9, second));
        assert!(incr("a").unwrap() && incr("b").unwrap() && incr("c").is_err() && incr("a").unwrap());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(create("c").unwrap() && incr("c").unwrap());
        assert_eq!((barriers.len(), counters.len()), (1, 1));
    });
}
