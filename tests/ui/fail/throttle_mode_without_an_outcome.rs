use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", mode = "lenient", in_flight = 5, settle_within = "5s", unsettled = "refund")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    Ok(to)
}

fn main() {}
