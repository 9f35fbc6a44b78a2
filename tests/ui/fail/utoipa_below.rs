use limiter_tower::rate_limit;

mod utoipa {
    pub use core::prelude::v1::test as path;
}

#[rate_limit("100/min")]
#[utoipa::path]
async fn sessions() {}

fn main() {}
