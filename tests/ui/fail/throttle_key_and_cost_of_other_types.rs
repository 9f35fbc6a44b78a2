use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s", key = place)]
async fn keyed(place: f64) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("10/s", cost = weight)]
async fn weighed(weight: f64) -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
