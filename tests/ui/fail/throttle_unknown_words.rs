use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s", max_wiat = "1s", timeout = "1s", banana)]
async fn work() -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
