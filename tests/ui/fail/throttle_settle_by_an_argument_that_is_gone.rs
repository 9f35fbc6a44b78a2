use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", settle = |_| to.len())]
async fn send(to: String) -> Result<usize, RateLimitExceeded> {
    Ok(to.len())
}

fn main() {}
