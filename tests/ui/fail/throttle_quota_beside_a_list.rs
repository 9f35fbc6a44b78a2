use limiter_tower::{Quota, RateLimitExceeded, throttle};

#[throttle("1/s, 100/h", quota = |_| Quota::per_minute(5))]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
