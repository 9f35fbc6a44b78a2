use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", count = "failed", settle = |sent| sent.is_ok() as u64)]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
