use limiter_tower::throttle;

#[throttle("10/s")]
async fn nothing() {}

#[throttle("10/s")]
async fn hidden() -> impl Sized {}

fn main() {}
