use limiter_tower::rate_limit;

#[rate_limit("100/min")]
async fn sessions() -> String {
    let shared = std::rc::Rc::new(5);
    tokio::task::yield_now().await;
    shared.to_string()
}

fn main() {}
