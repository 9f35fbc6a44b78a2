//! Barriers keep their contract at a server, in real time.

use std::time::Duration;

use limiter_core::store::contract::barriers;
use limiter_core::store::memcached::MemcachedStore;
use tests::memcached::any;
use tokio::runtime::Runtime;

use crate::in_real_time::InRealTime;

#[test]
fn barriers_keep_their_contract() {
    let Some((address, _server)) = any() else { return };
    let runtime = Runtime::new().unwrap();
    let builder = MemcachedStore::builder().reply_timeout(Duration::from_secs(2));
    let store = runtime.block_on(builder.connect([address])).unwrap();
    barriers::assert_keeps(&InRealTime::new(store, runtime));
}
