use limiter_tower::{RateLimitExceeded, throttle};

fn plan_of(to: &str) -> limiter_tower::Quota {
    limiter_tower::Quota::per_minute(to.len() as u64)
}

#[throttle("1/s", quota = |to| *to)]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", quota = plan_of)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
