use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn sessions(body: impl axum::extract::FromRequest<()>) {
    let _ = body;
}

fn main() {}
