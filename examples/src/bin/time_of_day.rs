//! Another quota by day than by night, without forgetting at the change what was used.
//!
//! ```text
//! $ cargo run -p examples --bin time_of_day
//! ```

use std::error::Error;
use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::testing::ManualClock;
use limiter_core::{Decision, Limiter, Policy, Quota, Reply, Rule, Terms};

const OFFICE: Quota = Quota::per_hour(10);
const NIGHT: Quota = Quota::per_hour(100);

/// Exports for partners: few while people work, many while they sleep.
struct Exports {
    limiter: Limiter,
    policy: Policy,
}

impl Exports {
    fn time(&self) -> (u64, u64) {
        let minutes = self.limiter.wall().get() / 60_000_000_000;
        (minutes / 60 % 24, minutes % 60)
    }

    fn quota(&self) -> Quota {
        if (8..18).contains(&self.time().0) { OFFICE } else { NIGHT }
    }

    /// The quota travels with the question: the share of it that was used is the same under either.
    fn export(&self, partner: &str) -> Result<Decision, Box<dyn Error>> {
        let terms = Terms::new(0, Key::from(partner)).quota(self.quota());
        match self.limiter.decide_on(&self.policy, &[terms]) {
            Reply::Now(ruling) => Ok(ruling.decision),
            Reply::Later(_) => Err("a store in this process answers at once".into()),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let clock = ManualClock::new();
    let exports = Exports {
        limiter: Limiter::builder().clock(clock.clone()).build(),
        policy: Policy::new("exports", [Rule::new(OFFICE)])?,
    };
    println!("a partner that asks for 60 exports every half hour:");
    clock.advance(Duration::from_secs(13 * 1800));
    for _ in 0..6 {
        let mut admitted = 0;
        let mut last = Decision::exempt();
        for _ in 0..60 {
            last = exports.export("acme")?;
            admitted += u32::from(last.is_allowed());
        }
        let told = match last.retry_after() {
            Some(wait) => format!("again in {} min", wait.as_secs().div_ceil(60)),
            None => "none refused".to_owned(),
        };
        let (hour, minute) = exports.time();
        println!("  {hour:02}:{minute:02}  {:>7}  {admitted:2} of 60 admitted, {told}", exports.quota().to_string());
        clock.advance(Duration::from_secs(1800));
    }
    Ok(())
}
