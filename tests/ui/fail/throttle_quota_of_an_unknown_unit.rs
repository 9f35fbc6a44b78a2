use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("100/mn")]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
