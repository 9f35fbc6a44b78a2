use limiter_tower::rate_limit;

fn is_wrong(status: u16) -> bool {
    status == 401
}

#[rate_limit("5/15min", count = is_wrong)]
async fn login() {}

fn main() {}
