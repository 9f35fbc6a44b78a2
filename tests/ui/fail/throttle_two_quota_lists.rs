use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", "2/min")]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
