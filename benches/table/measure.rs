//! Interleaved rounds: every contender runs once in each, and ratios are taken within a round, so
//! that what the machine does meanwhile hits all alike.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use benches::keys::{FromId, Keys};
use benches::rivals::Rival;

/// What a scenario does.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Seen before the clock starts.
    pub(crate) known: Keys,
    pub(crate) visits: Keys,
    /// Decisions timed in a round, of each thread: few enough to be done before the scheduler
    /// steps in, so that the median is of rounds that nobody disturbed.
    pub(crate) decisions: usize,
    pub(crate) rounds: usize,
    pub(crate) refuse: bool,
    /// Keys that ours are given room for.
    pub(crate) room: usize,
    pub(crate) threads: usize,
    /// Whether every round starts with an empty limiter.
    pub(crate) fresh: bool,
}

/// A contender with its state of earlier rounds.
pub(crate) trait Runner {
    /// Nanoseconds a decision.
    fn round(&mut self, scenario: &Scenario) -> f64;
}

/// A contender by name.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Index of the contender that it is measured against.
    pub(crate) against: usize,
    pub(crate) make: fn() -> Box<dyn Runner>,
}

impl Contender {
    pub(crate) const fn new<R: Rival + 'static>(name: &'static str, against: usize) -> Self {
        Contender { name, against, make: || Box::new(Run::<R> { rival: None, at: 0 }) }
    }
}

struct Run<R> {
    rival: Option<R>,
    /// The next visit.
    at: usize,
}

impl<R: Rival> Runner for Run<R> {
    fn round(&mut self, scenario: &Scenario) -> f64 {
        if scenario.fresh {
            self.rival = None;
            self.at = 0;
        }
        let rival = self.rival.get_or_insert_with(|| {
            let rival = R::with_room(scenario.refuse, scenario.room);
            for key in R::Key::of(&scenario.known) {
                rival.check(key);
            }
            rival
        });
        let keys = R::Key::of(&scenario.visits);
        let from = self.at;
        self.at = (self.at + scenario.decisions) % keys.len();
        if scenario.threads == 1 {
            return timed(rival, keys, from, scenario.decisions);
        }
        let barrier = Barrier::new(scenario.threads);
        let (rival, barrier) = (&*rival, &barrier);
        let times: Vec<f64> = thread::scope(|scope| {
            let share = keys.len() / scenario.threads;
            let work = |at: usize| {
                move || {
                    barrier.wait();
                    timed(rival, keys, (from + at * share) % keys.len(), scenario.decisions)
                }
            };
            let running: Vec<_> = (0..scenario.threads).map(|at| scope.spawn(work(at))).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or(f64::NAN)).collect()
        });
        times.iter().sum::<f64>() / times.len() as f64
    }
}

#[inline(never)]
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn timed<R: Rival>(rival: &R, keys: &[R::Key], from: usize, decisions: usize) -> f64 {
    let mut passed = 0usize;
    let start = Instant::now();
    let mut at = from;
    for _ in 0..decisions {
        passed += usize::from(rival.check(black_box(&keys[at])));
        at += 1;
        if at == keys.len() {
            at = 0;
        }
    }
    let took = start.elapsed();
    black_box(passed);
    took.as_nanos() as f64 / decisions as f64
}

/// One line of a result.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) nanos: f64,
    pub(crate) ratio: f64,
    pub(crate) against: &'static str,
}

/// Medians over the rounds, after a few that do not count.
pub(crate) fn compare(scenario: &Scenario, contenders: &[Contender]) -> Vec<Line> {
    let mut runners: Vec<_> = contenders.iter().map(|contender| (contender.make)()).collect();
    let mut times = vec![Vec::new(); contenders.len()];
    let warm_up = if scenario.fresh { 0 } else { WARM_UP };
    for round in 0..scenario.rounds + warm_up {
        let mut order: Vec<usize> = (0..runners.len()).collect();
        order.rotate_left(round % runners.len());
        for at in order {
            let time = runners[at].round(scenario);
            if round >= warm_up {
                times[at].push(time);
            }
        }
    }
    let lines = contenders.iter().zip(&times).map(|(contender, own)| Line {
        name: contender.name,
        nanos: median(own.clone()),
        ratio: median(own.iter().zip(&times[contender.against]).map(|(own, other)| own / other).collect()),
        against: contenders[contender.against].name,
    });
    lines.collect()
}

const WARM_UP: usize = 2;

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
