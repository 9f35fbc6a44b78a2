use limiter_tower::rate_limit;

struct Session;

#[rate_limit("100/min")]
async fn sessions() -> Session {
    Session
}

fn main() {}
