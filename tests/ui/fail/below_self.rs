use limiter_tower::rate_limit;

struct Api;

impl Api {
    #[rate_limit("100/min")]
    async fn sessions() -> String {
        Self::NAME.to_owned()
    }

    const NAME: &'static str = "api";
}

fn main() {}
