use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", cost = 4294967296, queue = 5f32, max_wait = "1s")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
