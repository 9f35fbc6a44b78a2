use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", settle = |sent| sent.as_ref().map_or(0.5, |_| 1.5))]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", settle = |_| "two")]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
