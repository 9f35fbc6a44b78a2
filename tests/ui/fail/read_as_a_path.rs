use limiter_tower::rate_limit;

const READS: u64 = 1000;

#[rate_limit(read = READS, write = 10)]
async fn sessions() {}

fn main() {}
