use limiter_tower::rate_limit;

fn by_account(name: String) -> String {
    name
}

#[rate_limit("100/min", key = by_account)]
async fn sessions() {}

fn main() {}
