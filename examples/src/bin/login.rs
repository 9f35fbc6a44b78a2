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
use limiter_core::time::TokioClock;
use limiter_core::{Limiter, Policy, Reply, Rule, Ruling};
use tokio::time::{Instant, sleep};

/// How long it takes to check a password.
const CHECK: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Login {
    limiter: Limiter,
    failures: Policy,
}

impl Login {
    fn new(settle: Settle) -> Result<Self, Box<dyn Error>> {
        let failures = Rule::new("3/min".parse()?).key(Global).settle(settle);
        Ok(Login {
            limiter: Limiter::builder().clock(TokioClock::new()).build(),
            failures: Policy::new("failures", [failures])?,
        })
    }

    /// Lets a request in, or not. The mode `wait` may take its time to say so.
    async fn enter(&self) -> Option<Ruling> {
        let ruling = match self.limiter.decide_key(&self.failures, &Key::everyone(), 1) {
            Reply::Now(ruling) => ruling,
            Reply::Later(ruling) => ruling.await,
        };
        Some(ruling).filter(|ruling| ruling.decision.is_allowed())
    }

    /// One request; whether it was let in.
    async fn attempt(&self, is_right: bool) -> bool {
        let Some(ruling) = self.enter().await else { return false };
        sleep(CHECK).await;
        if is_right {
            ruling.succeeded();
        } else {
            ruling.failed();
        }
        true
    }

    /// So many at the same moment.
    async fn at_once(&self, count: usize, is_right: bool) -> Result<Rush, Box<dyn Error>> {
        let began = Instant::now();
        let attempts: Vec<_> = (0..count)
            .map(|_| {
                let login = self.clone();
                tokio::spawn(async move { login.attempt(is_right).await })
            })
            .collect();
        let mut passed = 0;
        for attempt in attempts {
            passed += usize::from(attempt.await?);
        }
        Ok(Rush { passed, took: began.elapsed() })
    }
}

/// How many of those who came at once were let in, and when all had their answer.
struct Rush {
    passed: usize,
    took: Duration,
}

impl Rush {
    fn in_words(&self) -> String {
        format!("{} in, {} ms", self.passed, self.took.as_millis())
    }
}

// Paused time leaps to the next timer, so that the program is done at once.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let modes = [
        ("strict", Settle::failed().strict()),
        ("wait", Settle::failed().wait(32, Duration::from_secs(2))),
        ("lenient", Settle::failed().lenient(10)),
    ];
    println!("Three failures a minute; while a password is being checked, nobody knows whether it counts.\n");
    println!("{:<8}  {:>14}  {:>14}  {:>12}", "mode", "10 right", "1000 wrong", "the next is");
    for (name, settle) in modes {
        let login = Login::new(settle)?;
        let right = login.at_once(10, true).await?;
        let wrong = login.at_once(1000, false).await?;
        let next = if login.enter().await.is_some() { "let in" } else { "refused" };
        println!("{name:<8}  {:>14}  {:>14}  {next:>12}", right.in_words(), wrong.in_words());
    }
    println!(
        "\nStrict never lets more than three wrong ones through, and so at most three at a time. Wait has the\n\
         same bound, and lets whoever finds no room wait for those three: right ones all get in, in threes;\n\
         and when three were wrong, nobody is left to wait for. Lenient lets in up to ten at a time, and so\n\
         up to 3 - 1 + 10 wrong ones."
    );

    let login = Login::new(Settle::failed())?;
    let mut story = Vec::new();
    for is_right in [true, true, false, true, false, false, true] {
        story.push(match (login.attempt(is_right).await, is_right) {
            (false, _) => "refused",
            (true, true) => "welcome",
            (true, false) => "wrong",
        });
    }
    println!("\nOne after the other: {}", story.join(", "));
    sleep(Duration::from_secs(20)).await;
    let again = if login.attempt(true).await { "welcome" } else { "refused" };
    println!("Twenty seconds later: {again}");
    Ok(())
}
