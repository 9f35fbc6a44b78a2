use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", per = "min", missing = "skip", headers = "off", exempt = "/health", inner = untouched, on_limited = sorry, trusted_key)]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
