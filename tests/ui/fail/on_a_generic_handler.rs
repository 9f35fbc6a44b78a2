use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn sessions<T: Send>(state: axum::extract::State<T>) {
    let _ = state;
}

fn main() {}
