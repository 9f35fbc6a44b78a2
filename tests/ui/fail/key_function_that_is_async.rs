use limiter_tower::rate_limit;

async fn by_account(parts: &http::request::Parts) -> String {
    parts.uri.to_string()
}

#[rate_limit("100/min", key = by_account)]
async fn sessions() {}

fn main() {}
