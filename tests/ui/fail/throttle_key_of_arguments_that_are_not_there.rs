use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("10/s", key = |_, id| *id)]
async fn one(id: u64) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("10/s", key = |id| *id)]
async fn two(id: u64, text: &str) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("10/s", key = |.., text| *text)]
async fn last(id: u64, text: &str) -> Result<(), RateLimitExceeded> {
    Ok(())
}

#[throttle("10/s", key = |id, ..| *id)]
async fn pattern((id, text): (u64, &str)) -> Result<(), RateLimitExceeded> {
    Ok(())
}

fn main() {}
