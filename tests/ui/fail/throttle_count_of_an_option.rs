use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", count = "failed")]
async fn send(to: u64) -> Option<u64> {
    Some(to)
}

fn main() {}
