use limiter_tower::{RateLimitExceeded, throttle};

fn is_small(sent: &u64) -> bool {
    *sent < 5
}

#[throttle("1/s", count = |sent| sent.is_ok() as u8)]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

#[throttle("1/s", count = is_small)]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
