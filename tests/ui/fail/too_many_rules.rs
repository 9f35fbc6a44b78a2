use limiter_tower::rate_limit;

#[rate_limit("1/s,2/s,3/s,4/s,5/s,6/s,7/s,8/s,9/s,10/s,11/s,12/s,13/s,14/s,15/s,16/s,17/s")]
async fn sessions() {}

fn main() {}
