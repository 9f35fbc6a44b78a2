use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", count = "failed", mode = "lenent")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", count = "failed", unsettled = "keep")]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
