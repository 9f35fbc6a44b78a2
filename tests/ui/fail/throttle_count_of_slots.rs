use limiter_tower::{RateLimitExceeded, throttle};

#[throttle(concurrent = 2, count = "failed")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle(concurrent = 2, settle = |sent| sent.is_ok() as u64)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
