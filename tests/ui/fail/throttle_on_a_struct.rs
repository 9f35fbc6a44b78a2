use limiter_tower::throttle;

#[throttle("10/s")]
struct Work;

fn main() {}
