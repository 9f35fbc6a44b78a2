use limiter_tower::throttle;

#[throttle("10/s")]
async fn count() -> usize {
    1
}

fn main() {}
