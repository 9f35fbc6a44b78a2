use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("2/s burst 2", cost = 5)]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
