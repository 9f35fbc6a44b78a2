//! Limits without HTTP: a mailer that sends at most so many letters, in plain Rust.
//!
//! ```text
//! $ cargo run -p examples --bin plain
//! ```
//!
//! It shows a limiter and a policy, deciding (`check`), asking without taking (`peek`), giving back
//! (`decide_key` and `refund`), slots that are held (`permit`) and forgetting (`reset`).

use std::error::Error;
use std::time::Duration;

use limiter_core::key::{Global, Key};
use limiter_core::testing::ManualClock;
use limiter_core::{Decision, Limiter, Policy, Reply, Rule};

fn main() -> Result<(), Box<dyn Error>> {
    // Moved by hand, so that this program need not wait. Without it the machine's clock counts.
    let clock = ManualClock::new();
    let limiter = Limiter::builder().clock(clock.clone()).build();

    // Both rules or neither: a refused letter is charged nowhere. What is limited is said with each
    // call, so the rules need no key of their own.
    let mail = Policy::new("mail", [Rule::new("3/min".parse()?).key(Global), Rule::new("5/h".parse()?).key(Global)])?;
    limiter.prepare(&mail)?;

    println!("Ada may send 3 letters a minute and 5 an hour.");
    let ada = Key::from("ada");
    for letter in 1..=4 {
        println!("  letter {letter}: {}", told(&limiter.check(&mail, &ada)));
    }
    println!("Bob has not sent any: {}", told(&limiter.peek(&mail, &Key::from("bob"), 1)));

    clock.advance(Duration::from_secs(60));
    println!("A minute later");
    for letter in 4..=6 {
        println!("  letter {letter}: {}", told(&limiter.check(&mail, &ada)));
    }

    clock.advance(Duration::from_secs(12 * 60));
    println!("The mail server is down for the next letter, so it does not count");
    println!("  before: {}", told(&limiter.peek(&mail, &ada, 0)));
    // `Later` is for stores that are asked over a network.
    if let Reply::Now(ruling) = limiter.decide_key(&mail, &ada, 1) {
        println!("  taken:  {}", told(&ruling.decision));
        limiter.refund(ruling.receipt);
    }
    println!("  after:  {}", told(&limiter.peek(&mail, &ada, 0)));

    let connections = Policy::new("connections", [Rule::concurrent(2)])?;
    println!("Two connections to the mail server at the same time");
    let mut open = Vec::new();
    for connection in 1..=3 {
        let Reply::Now(ruling) = limiter.decide_key(&connections, &Key::everyone(), 1) else { continue };
        println!("  connection {connection}: {}", told(&ruling.decision));
        // The slot is taken for as long as the permit lives.
        open.extend(ruling.permit);
    }
    open.pop();
    println!("  one closed: {}", told(&limiter.peek(&connections, &Key::everyone(), 0)));

    limiter.reset(&mail, &ada)?;
    println!("Ada is forgiven: {}", told(&limiter.peek(&mail, &ada, 0)));
    Ok(())
}

/// A decision in words.
fn told(decision: &Decision) -> String {
    if decision.is_allowed() {
        let left: Vec<String> =
            decision.usages().iter().map(|usage| format!("{} of {}", usage.remaining(), usage.limit())).collect();
        return format!("fine, {} left", left.join(" and "));
    }
    let rules: Vec<&str> = decision.violated().map(|usage| usage.name()).collect();
    match decision.retry_after() {
        Some(wait) => format!("refused by `{}`, again in {wait:?}", rules.join("` and `")),
        None => format!("refused by `{}`", rules.join("` and `")),
    }
}
