use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", count = "failed", in_flight = 5)]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", count = "failed", mode = "lenient", in_flight = 0)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
