use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", spaced)]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", count = "failed", mode = "wait", max_wait = "1s", spaced)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
