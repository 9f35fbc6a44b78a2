//! A store of one's own: it is held to the contract that every store keeps, and then used.
//!
//! ```text
//! $ cargo run -p examples --bin custom_store
//! ```
//!
//! The store here is a map behind a lock. One that keeps its state elsewhere has the same shape and
//! answers `Reply::Later`; what to count, and how, is in the operation that it is given.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use limiter_core::algorithm::{State, Verdict};
use limiter_core::key::{Global, Key};
use limiter_core::store::contract::{self, InManualTime};
use limiter_core::store::{
    Answer, Capabilities, Decide, Decided, ItemReply, Mode, Operation, Place, Reply, Store, StoreError, Subject,
};
use limiter_core::testing::ManualClock;
use limiter_core::time::Clock;
use limiter_core::{Algorithm, Limiter, Policy, Rule};

/// Clones share their state.
#[derive(Clone, Debug, Default)]
struct MapStore {
    cells: Arc<Mutex<HashMap<Subject, State>>>,
}

/// Whoever makes up keys must not fill the memory.
const MOST_KEYS: usize = 10_000;

/// Of one decision.
const MOST_RULES: usize = 16;

/// All but the exact log, which takes more than one `State` for each key.
const ALGORITHMS: &[Algorithm] =
    &[Algorithm::Bucket, Algorithm::Concurrent, Algorithm::Fixed, Algorithm::Interval, Algorithm::Sliding];

impl Store for MapStore {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        // One lock for the whole of an operation makes it one step.
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match operation {
            Operation::Decide(decide) => able(&mut cells, &decide).map(|()| {
                let (decided, changed) = evaluate(&cells, &decide);
                cells.extend(changed);
                Answer::Decided(decided)
            }),
            Operation::Inspect(decide) => Ok(Answer::Decided(evaluate(&cells, &decide).0)),
            Operation::Release { now, charges, .. } => {
                for charge in charges {
                    let units = i64::try_from(charge.cost).unwrap_or(i64::MAX);
                    if let Some(state) = cells.get_mut(&charge.subject) {
                        *state = charge.params.settle(*state, now, charge.until, -units);
                    }
                }
                Ok(Answer::Done)
            }
            Operation::Reset { charges } => {
                charges.iter().for_each(|charge| _ = cells.remove(&charge.subject));
                Ok(Answer::Done)
            }
            Operation::Settle { now, charges } => {
                for (charge, units) in charges {
                    let state = cells.entry(charge.subject).or_default();
                    *state = charge.params.settle(*state, now, charge.until, units);
                }
                Ok(Answer::Done)
            }
            _ => Err(StoreError::unsupported()),
        };
        Reply::Now(answer)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(ALGORITHMS, MOST_RULES).local()
    }
}

/// Whether the decision can be made at all. A store that is unable to decide says so and never
/// refuses; the rule says what then.
fn able(cells: &mut HashMap<Subject, State>, decide: &Decide) -> Result<(), StoreError> {
    let counts = |algorithm| ALGORITHMS.contains(&algorithm);
    if decide.items.len() > MOST_RULES || !decide.items.iter().all(|item| counts(item.params.algorithm())) {
        return Err(StoreError::unsupported());
    }
    if cells.len() + decide.items.len() > MOST_KEYS {
        // Who is as good as new can be forgotten.
        cells.retain(|_, state| !state.is_stale(decide.now.monotonic));
        if cells.len() + decide.items.len() > MOST_KEYS {
            return Err(StoreError::unavailable("every key is in use"));
        }
    }
    Ok(())
}

/// What to answer, and what to write: all that was charged, or nothing but penalties.
fn evaluate(cells: &HashMap<Subject, State>, decide: &Decide) -> (Decided, HashMap<Subject, State>) {
    let now = decide.now;
    let stored = |subject| cells.get(subject).copied().unwrap_or_default();
    // Two rules may share a budget: the later one finds what the earlier one took.
    let mut taken: HashMap<Subject, State> = HashMap::new();
    let mut verdicts = Vec::with_capacity(decide.items.len());
    for item in &decide.items {
        let before = taken.get(&item.subject).copied().unwrap_or_else(|| stored(&item.subject));
        let step = item.params.decide(before, now, item.cost);
        if step.verdict == Verdict::Allow && item.mode != Mode::Peek {
            taken.insert(item.subject.clone(), step.state);
        }
        verdicts.push(step.verdict);
    }

    let mut both = decide.items.iter().zip(&verdicts);
    let allowed = both.all(|(item, verdict)| *verdict == Verdict::Allow || item.mode == Mode::Shadow);
    if !allowed {
        taken.clear();
        for (item, verdict) in decide.items.iter().zip(&mut verdicts) {
            if item.mode == Mode::Penalty && matches!(verdict, Verdict::Deny { .. }) {
                let step = item.params.penalize(stored(&item.subject), now, item.cost);
                *verdict = step.verdict;
                taken.insert(item.subject.clone(), step.state);
            }
        }
    }
    let items = decide.items.iter().zip(verdicts).map(|(item, verdict)| {
        let state = taken.get(&item.subject).copied().unwrap_or_else(|| stored(&item.subject));
        ItemReply { verdict, state, place: Place::Own }
    });
    (Decided { allowed, items: items.collect(), ..Decided::default() }, taken)
}

/// The store as it would be if it looked first and wrote later, as one does with `GET` and `SET`.
#[derive(Debug, Default)]
struct GetThenSet(MapStore);

impl Store for GetThenSet {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        let Operation::Decide(decide) = operation else { return self.0.submit(operation) };
        let cells = self.0.cells.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (decided, changed) = evaluate(&cells, &decide);
        // The way to a server and back. Others look meanwhile.
        std::thread::sleep(Duration::from_millis(1));
        self.0.cells.lock().unwrap_or_else(PoisonError::into_inner).extend(changed);
        Reply::Now(Ok(Answer::Decided(decided)))
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("a map behind a lock");
    match contract::check(&InManualTime::new(MapStore::default())) {
        Ok(()) => println!("  keeps every promise, for {} algorithms", ALGORITHMS.len()),
        Err(broken) => {
            broken.iter().for_each(|broken| println!("  {broken}"));
            return Err("the store breaks its contract".into());
        }
    }

    println!("the same, but it looks first and writes later");
    match contract::check(&InManualTime::new(GetThenSet::default())) {
        Ok(()) => println!("  was lucky"),
        Err(broken) => {
            let first = broken.first().ok_or("no promise is named")?;
            println!("  breaks promise {}, {}, for {}: {}", first.promise, first.name, first.limit, first.what);
        }
    }

    println!("a limiter that uses the map");
    let (store, clock) = (MapStore::default(), ManualClock::new());
    let limiter = Limiter::builder().store(store.clone()).clock(clock.clone()).build();
    let policy = Policy::new("greet", [Rule::new("3/min".parse()?).key(Global)])?;
    for (name, times) in [("ada", 4), ("bob", 2)] {
        let admitted = (0..times).filter(|_| limiter.check(&policy, &Key::from(name)).is_allowed()).count();
        println!("  {name} greets {times} times, {admitted} of them are heard");
    }
    clock.advance(Duration::from_secs(60));
    let cells = store.cells.lock().unwrap_or_else(PoisonError::into_inner);
    let stale = cells.values().filter(|state| state.is_stale(clock.monotonic())).count();
    println!("  a minute later {stale} of {} keys can be forgotten", cells.len());
    Ok(())
}
