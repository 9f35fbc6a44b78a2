use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s")]
fn work() -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
