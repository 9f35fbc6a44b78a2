use limiter_tower::{RateLimitExceeded, throttle};

#[throttle(read = 1000, write = 10)]
async fn work() -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
