use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/d burst 40000")]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
