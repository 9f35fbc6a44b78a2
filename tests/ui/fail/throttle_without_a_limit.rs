use limiter_tower::{RateLimitExceeded, throttle};

#[throttle(key = id)]
async fn work(id: u64) -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
