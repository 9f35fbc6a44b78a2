use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", quota = "2/s")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", quota = 5)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", quota)]
async fn most(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
