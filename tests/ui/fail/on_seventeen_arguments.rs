use limiter_tower::rate_limit;

use axum::http::Method as M;

#[rate_limit("100/min")]
#[allow(clippy::too_many_arguments)]
async fn sessions(
    _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M, _: M,
    _: axum::body::Bytes,
) {
}

fn main() {}
