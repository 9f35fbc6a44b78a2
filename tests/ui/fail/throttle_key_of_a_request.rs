use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s", key = "ip")]
async fn work() -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
