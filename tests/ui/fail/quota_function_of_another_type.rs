use limiter_tower::rate_limit;

fn plan_of(_: &http::request::Parts) -> u64 {
    10
}

#[rate_limit("100/min", quota = plan_of)]
async fn sessions() {}

fn main() {}
