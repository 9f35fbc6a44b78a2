//! A service under load answers the less urgent more cheaply before it answers nobody.
//!
//! Fresh recommendations are dear: there is one budget for all of them. Requests of lower priority
//! have no more than a share of it, and both are charged in one step or not at all. Who is refused a
//! fresh answer gets a stored one, and only past a wider limit on those a refusal.
//!
//! ```text
//! $ cargo run -p examples --bin degrade
//! ```

use std::error::Error;
use std::fmt;
use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::testing::ManualClock;
use limiter_core::{Limiter, Policy, PolicyError, Quota, Rule};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Priority {
    High,
    Normal,
    Low,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Fresh,
    Stored,
    Refused,
}

/// What it takes to answer in one way: the policy of each priority.
struct Way([Policy; 3]);

impl Way {
    /// So many a second for all, of which the lower priorities have no more than a share. Policies
    /// that name one scope draw on one budget.
    fn new(name: &str, all: u64, normal: u64, low: u64) -> Result<Self, PolicyError> {
        let budget = || Rule::new(Quota::per_second(all)).key(Global).scope(name).named(name);
        let share = |of: &str, count| Rule::new(Quota::per_second(count)).key(Global).named(format!("{name}-{of}"));
        Ok(Way([
            Policy::new(name, [budget()])?,
            Policy::new(name, [share("normal", normal), budget()])?,
            Policy::new(name, [share("low", low), budget()])?,
        ]))
    }

    fn is_open(&self, limiter: &Limiter, priority: Priority) -> bool {
        let Way([high, normal, low]) = self;
        let policy = match priority {
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        };
        limiter.check(policy, &Key::everyone()).is_allowed()
    }
}

struct Recommendations {
    limiter: Limiter,
    fresh: Way,
    stored: Way,
}

impl Recommendations {
    fn new(limiter: Limiter) -> Result<Self, PolicyError> {
        Ok(Recommendations { limiter, fresh: Way::new("fresh", 10, 3, 2)?, stored: Way::new("stored", 20, 6, 4)? })
    }

    fn answer(&self, priority: Priority) -> Answer {
        if self.fresh.is_open(&self.limiter, priority) {
            Answer::Fresh
        } else if self.stored.is_open(&self.limiter, priority) {
            Answer::Stored
        } else {
            Answer::Refused
        }
    }
}

/// How requests of one priority were answered.
#[derive(Default)]
struct Tally {
    fresh: u32,
    stored: u32,
    refused: u32,
}

impl Tally {
    fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Fresh => self.fresh += 1,
            Answer::Stored => self.stored += 1,
            Answer::Refused => self.refused += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:2} fresh, {:2} stored, {:2} refused", self.fresh, self.stored, self.refused)
    }
}

/// One second: low requests come first, as those who matter least often do.
fn one_second(service: &Recommendations, each: u32) -> [(Priority, Tally); 3] {
    [Priority::Low, Priority::Normal, Priority::High].map(|priority| {
        let mut tally = Tally::default();
        (0..each).for_each(|_| tally.add(service.answer(priority)));
        (priority, tally)
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    for each in [2, 5, 15] {
        let clock = ManualClock::new();
        let service = Recommendations::new(Limiter::builder().clock(clock.clone()).build())?;
        println!("{each} requests of each priority in a second; 10 can be answered fresh:");
        for (priority, tally) in one_second(&service, each) {
            println!("  {:<6}  {tally}", format!("{priority:?}"));
        }
        clock.advance(Duration::from_secs(1));
        println!("  and a second later a request of low priority is answered {:?}", service.answer(Priority::Low));
    }
    Ok(())
}
