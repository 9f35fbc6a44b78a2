//! Work that is refused goes back to the queue for exactly as long as the limit says.
//!
//! Two workers have the same jobs and the same limit. One comes back with a refused job after the
//! wait that the refusal names; the other tries every job again each second, as is often done.
//!
//! ```text
//! $ cargo run -p examples --bin reschedule
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::error::Error;
use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::testing::ManualClock;
use limiter_core::{Decision, Limiter, Policy, PolicyError, Rule};

/// Due at, number of the job.
type Queue = BinaryHeap<Reverse<(Duration, u32)>>;

const JOBS: u32 = 12;

/// What became of the jobs.
struct Report {
    attempts: u32,
    done: Vec<(u32, Duration)>,
}

/// Works off all jobs. `delay` says for how long a refused job is put back.
fn work(delay: impl Fn(&Decision) -> Duration) -> Result<Report, PolicyError> {
    let clock = ManualClock::new();
    let limiter = Limiter::builder().clock(clock.clone()).build();
    // A partner's interface takes 30 calls a minute, four of them at once.
    let policy = Policy::new("partner", [Rule::new("30/min burst 4".parse()?)])?;
    let partner = Key::from("partner");

    let mut queue: Queue = (1..=JOBS).map(|job| Reverse((Duration::ZERO, job))).collect();
    let mut report = Report { attempts: 0, done: Vec::new() };
    let mut now = Duration::ZERO;
    while let Some(Reverse((due, job))) = queue.pop() {
        clock.advance(due.saturating_sub(now));
        now = now.max(due);
        report.attempts += 1;
        let decision = limiter.check(&policy, &partner);
        if decision.is_allowed() {
            report.done.push((job, now));
        } else {
            queue.push(Reverse((now + delay(&decision), job)));
        }
    }
    Ok(report)
}

/// Those that wait for the same unit stand in line for it: the next is due one interval later. Told
/// alone, each would come back at once with the others and all but one would be refused again.
fn in_line() -> impl Fn(&Decision) -> Duration {
    let waiting = std::cell::Cell::new(0u32);
    move |decision| {
        let wait = decision.retry_after().unwrap_or(Duration::from_secs(1));
        let behind = waiting.replace(waiting.get() + 1);
        wait + Duration::from_secs(2) * behind
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let told = |decision: &Decision| decision.retry_after().unwrap_or(Duration::from_secs(1));
    println!("{JOBS} jobs, 30 calls a minute with a burst of 4: eight have to wait, 16 s are the least");
    for (name, report) in [
        ("put back in line", work(in_line())?),
        ("put back for as long as told", work(told)?),
        ("tried again every 300 ms", work(|_| Duration::from_millis(300))?),
    ] {
        let last = report.done.last().map_or(Duration::ZERO, |(_, at)| *at);
        println!("  {name}: {} attempts, the last job done after {:.1} s", report.attempts, last.as_secs_f64());
    }
    Ok(())
}
