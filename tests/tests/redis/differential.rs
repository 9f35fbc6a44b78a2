//! The scripts decide as the memory store does, and that as the algorithms do: one trace with given
//! instants goes through all of them.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params, State, Verdict};
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::redis::RedisStore;
use limiter_core::store::{Answer, Charged, Decided, Item, Mode, Operation, Store};
use limiter_core::time::{Nanos, Now};
use limiter_core::{Quota, quota::Alignment};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use tests::redis::{self, Server};
use tokio::runtime::Runtime;

use crate::desk;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Rules by number, each with a cost and a mode.
    Decide(Vec<(usize, u64, Mode)>),
    /// An earlier charge, counted from the last, and the units to add or to give back.
    Settle(usize, i64),
    Release(usize),
    Reset(usize),
}

/// Whole microseconds since the start, and what happens then.
type Trace = Vec<(u64, Step)>;

fn params() -> impl Strategy<Value = Params> {
    let period = prop_oneof![Just(1_000u64), 1u64..5_000, 1_000_000u64..100_000_000];
    (0..9u8, 1u64..30, period, 1u64..60).prop_map(|(kind, count, micros, burst)| {
        let quota = Quota::new(count, Duration::from_micros(micros)).unwrap();
        // The intervals of a bucket need not be whole microseconds.
        let ragged = Quota::from_nanos(count, micros * 1000 + burst).unwrap();
        let aligned = Alignment::Epoch { offset_secs: 0 };
        let made = |algorithm, quota| Params::new(algorithm, quota).unwrap();
        match kind {
            0 => made(Algorithm::Bucket, quota.with_burst(burst).unwrap()),
            1 => made(Algorithm::Bucket, ragged.with_burst(burst).unwrap()),
            2 => made(Algorithm::Fixed, quota),
            3 => made(Algorithm::Fixed, quota.with_alignment(aligned)),
            4 => made(Algorithm::Interval, quota.with_burst(burst).unwrap()),
            5 => made(Algorithm::Interval, quota.with_burst(burst).unwrap().with_alignment(aligned)),
            6 => made(Algorithm::Sliding, quota),
            7 => made(Algorithm::Log, quota),
            _ => Params::concurrent(count),
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![
        6 => Just(Mode::Charge), 1 => Just(Mode::Peek), 1 => Just(Mode::Shadow), 1 => Just(Mode::Penalty),
    ];
    let rule = (0usize..3, prop_oneof![4 => Just(1u64), 4 => 0u64..12, 1 => 0u64..80], mode);
    prop_oneof![
        8 => prop::collection::vec(rule, 1..4).prop_map(Step::Decide),
        2 => (0usize..6, prop_oneof![-12i64..0, 1i64..6]).prop_map(|(which, units)| Step::Settle(which, units)),
        2 => (0usize..6).prop_map(Step::Release),
        1 => (0usize..3).prop_map(Step::Reset),
    ]
}

fn trace() -> impl Strategy<Value = (Vec<Params>, Trace)> {
    // Pauses are parts of the longest window.
    let pause = prop_oneof![3 => Just(0u64), 3 => 0u64..50, 3 => 0u64..1_500];
    (prop::collection::vec(params(), 3), prop::collection::vec((pause, step()), 1..40)).prop_map(|(rules, steps)| {
        let window = rules.iter().map(Params::period).max().unwrap_or(0).max(1_000_000) / 1000;
        let steps = steps.into_iter().map(|(parts, step)| (parts * window / 1000, step)).collect();
        (rules, steps)
    })
}

fn at(micros: u64) -> Now {
    let since = micros * 1000;
    Now { monotonic: Nanos::new(1_000_000_000_000 + since), wall: Nanos::new(1_735_689_600_000_000_000 + since) }
}

/// Up to the next whole microsecond: what a server tells time in.
fn tick(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Deny { retry: Some(wait) } => {
            Verdict::Deny { retry: Some(Nanos::new(wait.get().div_ceil(1000) * 1000)) }
        }
        verdict => verdict,
    }
}

struct Both {
    runtime: Runtime,
    redis: RedisStore,
    memory: MemoryStore,
    /// Keys of earlier traces are other keys.
    round: u64,
}

/// What is charged at each store.
struct Charges {
    rule: usize,
    redis: Charged,
    memory: Charged,
    lease: Option<std::sync::Arc<limiter_core::store::Lease>>,
}

impl Both {
    fn item(&self, rules: &[Params], (rule, cost, mode): (usize, u64, Mode)) -> Item {
        Item { mode, ..desk::item(&format!("{}.{rule}", self.round), rules[rule], cost) }
    }

    /// The same rule twice in a request shares a key. Slots know no penalties, and what is
    /// said of a rule whose own other half is a question, or stands in the way, is nobody's promise.
    fn items(&self, rules: &[Params], asked: &[(usize, u64, Mode)]) -> Vec<Item> {
        let twice = |rule| asked.iter().filter(|(other, ..)| *other == rule).count() > 1;
        let slots = |rule: usize| rules[rule].algorithm() == Algorithm::Concurrent;
        let mode = |rule, mode| match mode {
            Mode::Penalty if slots(rule) || twice(rule) => Mode::Charge,
            Mode::Peek if twice(rule) => Mode::Charge,
            mode => mode,
        };
        asked.iter().map(|(rule, cost, asked)| self.item(rules, (*rule, *cost, mode(*rule, *asked)))).collect()
    }

    fn both(&self, now: Now, items: &[Item]) -> (Decided, Decided) {
        let redis = self.runtime.block_on(desk::decide_at(&self.redis, now, items)).unwrap();
        let memory = self.runtime.block_on(desk::decide_at(&self.memory, now, items)).unwrap();
        (redis, memory)
    }

    fn done(&self, redis: Operation, memory: Operation) {
        for (store, operation) in [(&self.redis as &dyn Store, redis), (&self.memory, memory)] {
            let answer = self.runtime.block_on(desk::answer(store.submit(operation)));
            assert!(matches!(answer, Ok(Answer::Done)), "{answer:?}");
        }
    }

    fn agree(&self, rules: &[Params], trace: &Trace) -> Result<(), TestCaseError> {
        let (mut time, mut charges) = (7_000_003u64, Vec::<Charges>::new());
        for (pause, step) in trace {
            time += pause;
            let now = at(time);
            match step {
                Step::Decide(asked) => {
                    let items = self.items(rules, asked);
                    let (redis, memory) = self.both(now, &items);
                    prop_assert_eq!(redis.allowed, memory.allowed, "at {}: {:?}", time, asked);
                    let whole = redis.items.iter().all(|reply| reply.verdict == Verdict::Allow);
                    for (place, item) in items.iter().enumerate() {
                        let (one, other) = (redis.items[place], memory.items[place]);
                        prop_assert_eq!(one.verdict, tick(other.verdict), "at {}: rule {} of {:?}", time, place, asked);
                        self.same_numbers(&item.params, now, one.state, other.state)?;
                        let taken = item.cost > 0 && item.mode != Mode::Peek && (whole || item.mode != Mode::Shadow);
                        if redis.allowed && one.verdict == Verdict::Allow && taken {
                            charges.push(Charges {
                                rule: asked[place].0,
                                redis: desk::charged(item, &redis, place, now),
                                memory: desk::charged(item, &memory, place, now),
                                lease: None,
                            });
                        }
                    }
                }
                Step::Settle(which, units) => {
                    let Some(index) = charges.len().checked_sub(which + 1) else { continue };
                    if charges[index].redis.params.algorithm() == Algorithm::Concurrent {
                        continue;
                    }
                    // Given back once.
                    let charge = charges.remove(index);
                    let units = (*units).max(-(charge.redis.cost as i64));
                    self.done(
                        Operation::Settle { now, charges: [(charge.redis, units)].into_iter().collect() },
                        Operation::Settle { now, charges: [(charge.memory, units)].into_iter().collect() },
                    );
                }
                Step::Release(which) => {
                    let Some(index) = charges.len().checked_sub(which + 1) else { continue };
                    if charges[index].redis.params.algorithm() != Algorithm::Concurrent {
                        continue;
                    }
                    let charge = charges.remove(index);
                    self.done(
                        Operation::Release { now, charges: [charge.redis].into_iter().collect(), lease: charge.lease },
                        Operation::Release { now, charges: [charge.memory].into_iter().collect(), lease: None },
                    );
                }
                Step::Reset(rule) => {
                    if rules[*rule].algorithm() == Algorithm::Concurrent {
                        continue;
                    }
                    let item = self.item(rules, (*rule, 0, Mode::Charge));
                    let charge = Charged {
                        budget: item.budget,
                        subject: item.subject.clone(),
                        params: item.params,
                        cost: 0,
                        at: now.monotonic,
                        until: now.monotonic,
                        place: Default::default(),
                    };
                    charges.retain(|charge| charge.rule != *rule);
                    let reset = || Operation::Reset { charges: [charge.clone()].into_iter().collect() };
                    self.done(reset(), reset());
                }
            }
            for (rule, params) in rules.iter().enumerate() {
                let (redis, memory) = self.both(now, &[self.item(rules, (rule, 0, Mode::Peek))]);
                self.same_numbers(params, now, redis.items[0].state, memory.items[0].state)?;
            }
        }
        Ok(())
    }

    fn same_numbers(&self, params: &Params, now: Now, one: State, other: State) -> Result<(), TestCaseError> {
        let numbers =
            |state| (params.remaining(state, now), params.reset_after(state, now), params.next_unit_after(state, now));
        prop_assert_eq!(numbers(one), numbers(other), "{:?} and {:?} of {:?}", one, other, params);
        Ok(())
    }
}

#[test]
fn scripts_and_memory_decide_alike() {
    if !redis::there() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    let builder = desk::plain(server.url()).callers_clock().deadline(Duration::from_secs(10));
    // Slots do not run out on the way.
    let builder = builder.lease(Duration::from_secs(1_000_000));
    let redis = runtime.block_on(builder.connect()).unwrap();
    let both = std::cell::RefCell::new(Both { runtime, redis, memory: MemoryStore::new(), round: 0 });
    let beside = FileFailurePersistence::WithSource("proptest-regressions");
    let default = Config::default();
    // Every step is several round trips.
    let cases = (default.cases / 10).max(100);
    let config = Config { cases, failure_persistence: Some(Box::new(beside)), ..default };
    let outcome = TestRunner::new(config).run(&trace(), |(rules, trace)| {
        both.borrow_mut().round += 1;
        both.borrow().agree(&rules, &trace)
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
