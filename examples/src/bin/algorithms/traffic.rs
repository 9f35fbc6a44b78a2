//! The requests, and what becomes of them.

use std::error::Error;
use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, Limiter, Permit, Policy, Reply, Rule};

/// Times are counted in tenths of a second: whole numbers draw the same picture everywhere.
pub const TENTHS: u32 = 10;
/// How long the requests are looked at.
pub const END: u32 = 27 * TENTHS;
/// The period of the quota.
pub const PERIOD: u32 = 10 * TENTHS;
/// The count of the quota.
pub const COUNT: u32 = 10;
/// Slots of the concurrent limit, and how long a request holds one.
pub const SLOTS: u32 = 4;
const HELD: u32 = 2 * TENTHS;

/// One algorithm's answers.
pub struct Run {
    pub algorithm: Algorithm,
    /// When each request came, and whether it was admitted.
    pub requests: Vec<(u32, bool)>,
}

impl Run {
    /// How many were admitted.
    pub fn admitted(&self) -> usize {
        self.requests.iter().filter(|(_, admitted)| *admitted).count()
    }

    /// How many count at an instant: those admitted within the last period, or those that hold a slot.
    pub fn counting(&self, at: u32) -> u32 {
        let span = if self.algorithm == Algorithm::Concurrent { HELD } else { PERIOD };
        let counts = |&&(came, admitted): &&(u32, bool)| admitted && came <= at && at < came + span;
        self.requests.iter().filter(counts).count() as u32
    }

    /// The most that ever counted.
    pub fn most(&self) -> u32 {
        (0..=END).map(|at| self.counting(at)).max().unwrap_or(0)
    }

    /// What [`most`](Run::most) is the most of.
    pub fn of_what(&self) -> &'static str {
        if self.algorithm == Algorithm::Concurrent { "at the same time" } else { "in 10 seconds" }
    }
}

/// One request to begin with, five a second from 7 s to 13 s, and then two a second.
pub fn arrivals() -> Vec<u32> {
    let mut arrivals = vec![0];
    arrivals.extend((7 * TENTHS..13 * TENTHS).step_by(2));
    arrivals.extend((13 * TENTHS..END).step_by(5));
    arrivals
}

/// The same requests under each algorithm.
pub fn run_all() -> Result<Vec<Run>, Box<dyn Error>> {
    use Algorithm::{Bucket, Concurrent, Fixed, Interval, Log, Sliding};
    [Bucket, Interval, Fixed, Sliding, Log, Concurrent].into_iter().map(run).collect()
}

fn run(algorithm: Algorithm) -> Result<Run, Box<dyn Error>> {
    let rule = match algorithm {
        Algorithm::Concurrent => Rule::concurrent(SLOTS),
        // As much in the long run; in one piece every 10 seconds it would be the fixed window again.
        Algorithm::Interval => Rule::new("5/5s burst 10".parse()?).algorithm(algorithm).key(Global),
        _ => Rule::new("10/10s".parse()?).algorithm(algorithm).key(Global),
    };
    let policy = Policy::new("drawn", [rule])?;
    let clock = ManualClock::new();
    let limiter = Limiter::builder().clock(clock.clone()).build();

    let mut now = 0;
    let mut held: Vec<(u32, Option<Permit>)> = Vec::new();
    let mut requests = Vec::new();
    for at in arrivals() {
        clock.advance(Duration::from_millis(u64::from(at - now) * 100));
        now = at;
        held.retain(|(came, _)| now < came + HELD);
        let Reply::Now(ruling) = limiter.decide_key(&policy, &Key::everyone(), 1) else {
            return Err("memory answers at once".into());
        };
        requests.push((at, ruling.decision.is_allowed()));
        held.push((at, ruling.permit));
    }
    Ok(Run { algorithm, requests })
}
