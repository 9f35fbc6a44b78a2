use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s", queue = 32, lease = "30s")]
async fn queued() -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle(concurrent = 8, penalty, max_wait = "1s", newest_first)]
async fn penalised() -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
