use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/sce", max_wait = "0s", queue = 0, burst = "20", name = "a b", algorithm = "buckte")]
async fn work() -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle(100, max_wait = 250, on_store_error = "opne", cost = "5", crate = limiter_tower)]
async fn more() -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("10/s", cost = 11)]
async fn costly() -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
