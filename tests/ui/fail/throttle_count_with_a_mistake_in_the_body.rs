use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", count = "failed")]
async fn send(to: u64) -> Result<u64, RateLimitExceeded> {
    if to == 0 {
        return Ok("nobody");
    }
    Ok(to)
}

#[throttle("1/s", count = "failed")]
async fn more(to: u64) -> Result<u64, RateLimitExceeded> {
    to.push("letter");
    Ok(to)
}

fn main() {}
