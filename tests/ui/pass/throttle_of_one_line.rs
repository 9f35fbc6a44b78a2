//! A body of one expression keeps its braces, and nobody is told that it needs none.
#![deny(warnings)]

use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/h")]
async fn ping(_who: &str) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("1/h", count = "failed")]
#[rustfmt::skip]
async fn pong(_who: &str) -> Result<(), RateLimitExceeded> { Ok(()) }

fn main() {
    drop((ping("you"), pong("you")));
}
