use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s", limiter = name)]
async fn work(name: &str) -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
