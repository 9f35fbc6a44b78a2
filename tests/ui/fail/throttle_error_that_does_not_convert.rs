use limiter_tower::throttle;

struct MailError;

#[throttle("10/s")]
async fn mail() -> Result<(), MailError> {
    Ok(())
}

fn main() {}
