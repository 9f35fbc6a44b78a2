use limiter_tower::rate_limit;

fn query_cost() -> u32 {
    5
}

#[rate_limit("100/min", cost = query_cost)]
async fn sessions() {}

fn main() {}
