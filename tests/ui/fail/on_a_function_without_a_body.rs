use limiter_tower::rate_limit;

trait Api {
    #[rate_limit("100/min")]
    async fn sessions();
}

fn main() {}
