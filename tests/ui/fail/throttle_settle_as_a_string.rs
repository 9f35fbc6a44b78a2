use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", settle = "handler")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", settle = 5)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
