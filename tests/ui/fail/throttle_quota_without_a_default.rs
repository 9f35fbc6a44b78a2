use limiter_tower::{Quota, RateLimitExceeded, throttle};

#[throttle(quota = |_| Quota::per_minute(5))]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle(concurrent = 2, quota = |_| Quota::per_minute(5))]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
