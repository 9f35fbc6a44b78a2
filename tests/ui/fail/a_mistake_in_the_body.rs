use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn sessions() -> String {
    let count: u32 = "five";
    count.to_string()
}

fn main() {}
