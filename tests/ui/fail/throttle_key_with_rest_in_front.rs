use limiter_tower::{RateLimitExceeded, throttle};

#[throttle("1/s", key = |.., to| to)]
async fn send(to: u64) -> Result<(), RateLimitExceeded> {
    let _ = to;
    Ok(())
}

fn main() {}
