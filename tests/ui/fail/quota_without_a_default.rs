use limiter_tower::rate_limit;

fn plan_of(_: &http::request::Parts) -> limiter_tower::Quota {
    limiter_tower::Quota::per_minute(10)
}

#[rate_limit(quota = plan_of)]
async fn sessions() {}

fn main() {}
