use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s burst 20", max_wait = "1s", spaced)]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("10/s", algorithm = "log", max_wait = "1s", spaced)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("10/s", cost = to, max_wait = "1s", spaced)]
async fn most(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle(concurrent = 2, max_wait = "1s", spaced)]
async fn slots(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
