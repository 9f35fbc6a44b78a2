use limiter_tower::rate_limit;

#[rate_limit("100/min")]
const fn api() -> u32 {
    5
}

fn main() {}
