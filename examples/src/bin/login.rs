//! Login protection that counts failures only: three wrong passwords a minute, and any number of
//! right ones.
//!
//! A password takes 100 ms to check, so that what counts is not known when a request comes. The same
//! traffic meets the three ways of taking requests whose outcome is not known yet.
//!
//! ```text
//! $ cargo run -p examples --bin login
//! ```

use std::error::Error;
use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::settle::Settle;
use limiter_core::testing::ManualClock;
use limiter_core::{Limiter, Policy, Reply, Rule, Ruling};

struct Login {
    limiter: Limiter,
    clock: ManualClock,
    failures: Policy,
}

impl Login {
    fn new(settle: Settle) -> Result<Self, Box<dyn Error>> {
        let clock = ManualClock::new();
        let failures = Rule::new("3/min".parse()?).key(Global).settle(settle);
        Ok(Login {
            limiter: Limiter::builder().clock(clock.clone()).build(),
            clock,
            failures: Policy::new("failures", [failures])?,
        })
    }

    /// Lets a request in, or not.
    fn enter(&self) -> Option<Ruling> {
        match self.limiter.decide_key(&self.failures, &Key::everyone(), 1) {
            Reply::Now(ruling) => Some(ruling).filter(|ruling| ruling.decision.is_allowed()),
            Reply::Later(_) => None,
        }
    }

    /// So many at the same moment; how many of them are let in.
    fn at_once(&self, count: usize, right: bool) -> usize {
        let entered: Vec<Ruling> = (0..count).filter_map(|_| self.enter()).collect();
        self.clock.advance(Duration::from_millis(100));
        let passed = entered.len();
        for ruling in entered {
            if right {
                ruling.succeeded();
            } else {
                ruling.failed();
            }
        }
        passed
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let strict = || Settle::failed().strict();
    let lenient = || Settle::failed().lenient(10);
    println!("Three failures a minute; while a password is being checked, nobody knows whether it counts.\n");
    println!("{:<8}  {:>12}  {:>12}  {:>16}", "mode", "10 right", "1000 wrong", "the next is");
    for (name, settle) in [("strict", strict()), ("lenient", lenient())] {
        let login = Login::new(settle)?;
        let right = login.at_once(10, true);
        let wrong = login.at_once(1000, false);
        let next = if login.enter().is_some() { "let in" } else { "refused" };
        println!("{name:<8}  {right:>9} in  {wrong:>9} in  {next:>16}");
    }
    println!(
        "\nStrict never lets more than three wrong ones through, and so at most three at a time; lenient lets\n\
         in up to ten at a time, and so up to 3 - 1 + 10 wrong ones."
    );

    let login = Login::new(strict())?;
    let mut story = Vec::new();
    for right in [true, true, false, true, false, false, true] {
        story.push(match (login.at_once(1, right), right) {
            (0, _) => "refused",
            (_, true) => "welcome",
            (_, false) => "wrong",
        });
    }
    println!("\nOne after the other: {}", story.join(", "));
    login.clock.advance(Duration::from_secs(20));
    let again = if login.at_once(1, true) == 1 { "welcome" } else { "refused" };
    println!("Twenty seconds later: {again}");
    Ok(())
}
