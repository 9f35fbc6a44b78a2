use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/min", algorithm = "buckt")]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
