use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", count = "401, 5xx")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", count = "faild")]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
