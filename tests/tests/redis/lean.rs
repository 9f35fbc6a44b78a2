//! Answers in one number, by the server's own clock: every number of a decision follows from them.

use std::time::Duration;

use limiter_core::algorithm::{Algorithm, Params, Verdict};
use limiter_core::store::Operation;
use tests::redis::{self, Server};

use crate::desk;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_is_told_whether_or_not_the_clock_is_told_with_it() {
    if !redis::there() {
        return;
    }
    let server = Server::start(&[]).await;
    let store = desk::plain(server.url()).deadline(Duration::from_secs(10)).connect().await.unwrap();
    for (algorithm, quota) in
        [(Algorithm::Bucket, "6/h"), (Algorithm::Fixed, "6/h"), (Algorithm::Fixed, "6/day aligned")]
    {
        let params = Params::new(algorithm, quota.parse().unwrap()).unwrap();
        let item = |cost| desk::item(&format!("{algorithm} {quota}"), params, cost);
        let mut last = None;
        // The first answer of a store has the clock, those that follow within a second do not.
        for left in [4, 2, 0] {
            let now = desk::now();
            let decided = desk::decide_at(&store, now, &[item(2)]).await.unwrap();
            assert!(decided.allowed, "{algorithm} {left}");
            let (state, told) = (decided.items[0].state, decided.now.unwrap());
            assert_eq!(params.remaining(state, told), left, "{algorithm}");
            let reset = Duration::from(params.reset_after(state, told).unwrap());
            assert!(reset > Duration::ZERO && reset <= Duration::from_secs(86_402), "{algorithm} {reset:?}");
            last = Some(desk::charged(&item(2), &decided, 0, now));
        }
        let refused = desk::decide(&store, &[item(2)]).await.unwrap();
        assert!(matches!(refused.items[0].verdict, Verdict::Deny { retry: Some(_) }), "{algorithm}");
        let charges = [(last.unwrap(), -2)].into_iter().collect();
        desk::answer(limiter_core::Store::submit(&store, Operation::Settle { now: desk::now(), charges }))
            .await
            .unwrap();
        assert!(desk::decide(&store, &[item(2)]).await.unwrap().allowed, "{algorithm}: what was given back is there");
        assert!(!desk::decide(&store, &[item(1)]).await.unwrap().allowed, "{algorithm}: and no more than that");
    }
}
