use limiter_tower::rate_limit;

fn tokens_of(_: &http::request::Parts) -> u32 {
    5
}

#[rate_limit("100/min", settle = tokens_of)]
async fn login() {}

fn main() {}
