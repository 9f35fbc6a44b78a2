use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("20000/min", algorithm = "log")]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
