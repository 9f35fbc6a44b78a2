use limiter_tower::{RateLimitExceeded, throttle};

#[throttle(concurrent = 8, penalty)]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
