use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("2/s", cost = 0)]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
