use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::front::FleetOptions;
use limiter_core::{OnStoreError, Policy, Reply, Rule, Source};
use tokio::time::Instant;

use crate::wire::{Fleet, answered, policy, sleep_ms};

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_in_time_decides() {
    let fleet = Fleet::new(3, FleetOptions::new());
    let policy = policy("2/min");
    let began = Instant::now();
    assert_eq!(fleet.say(&policy, 7).await, (true, Source::Store));
    assert_eq!(began.elapsed(), Duration::from_millis(3));
    assert_eq!(fleet.say(&policy, 7).await, (true, Source::Store));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_beyond_the_deadline_whether_they_asked_or_waited_for_another() {
    let fleet = Fleet::new(1, FleetOptions::new());
    fleet.wire.freeze(true);
    let policy = policy("1000/s");
    let mut waiting = Vec::new();
    for millis in 0..40 {
        let reply = fleet.limiter.decide_key(&policy, &Key::from(1u64), 1);
        let began = Instant::now();
        waiting.push(tokio::spawn(async move {
            let ruling = answered(reply).await;
            (began.elapsed(), ruling.decision.source(), ruling.decision.is_allowed(), millis)
        }));
        sleep_ms(1).await;
    }
    for one in waiting {
        let (took, source, allowed, millis) = one.await.unwrap();
        // A timer of tokio's has a resolution of a millisecond.
        assert!(took <= Duration::from_millis(51), "{millis}: {took:?}");
        assert_eq!((source, allowed), (Source::Local, true));
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_left_alone_nobody_waits_at_all() {
    let fleet = Fleet::new(1, FleetOptions::new());
    fleet.wire.freeze(true);
    let policy = policy("1000/s");
    for key in 0..5 {
        assert_eq!(fleet.say(&policy, key).await.1, Source::Local);
    }
    assert!(fleet.front.is_failing());
    let (began, calls) = (Instant::now(), fleet.wire.calls());
    for key in 0..100 {
        assert_eq!(fleet.say(&policy, key).await, (true, Source::Local));
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(fleet.wire.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_used_within_two_seconds() {
    let fleet = Fleet::new(1, FleetOptions::new());
    let policy = policy("100000/s");
    for outage in [300, 3_000, 30_000] {
        fleet.wire.unplug(true);
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(outage) {
            assert!(fleet.say(&policy, 7).await.0);
            sleep_ms(5).await;
        }
        fleet.wire.unplug(false);
        let back = Instant::now();
        while fleet.say(&policy, 7).await.1 != Source::Store {
            sleep_ms(5).await;
        }
        assert!(back.elapsed() < Duration::from_secs(2), "after {outage} ms: {:?}", back.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_at_any_moment_leaves_the_others_their_answers() {
    for gone_after in 0..8 {
        let fleet = Fleet::new(4, FleetOptions::new());
        let policy = policy("3/min");
        let first = fleet.limiter.decide_key(&policy, &Key::from(1u64), 1);
        let second = fleet.limiter.decide_key(&policy, &Key::from(1u64), 1);
        let third = fleet.limiter.decide_key(&policy, &Key::from(1u64), 1);
        // The one who asked, and the first of those who wait for it, go away.
        let (Reply::Later(first), Reply::Later(second)) = (first, second) else { panic!("answers come later") };
        let gone = tokio::spawn(async move { tokio::time::timeout(Duration::from_millis(gone_after), first).await });
        drop(second);
        let third = answered(third).await;
        assert_eq!((third.decision.is_allowed(), third.decision.source()), (true, Source::Store));
        let _ = gone.await.unwrap();
        // Whoever went away was counted all the same: what is under way is carried out.
        assert_eq!(third.decision.usages()[0].remaining(), 0, "{gone_after}");
        assert!(!fleet.say(&policy, 1).await.0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_any_more_hangs_nothing() {
    let fleet = Fleet::new(4, FleetOptions::new());
    let policy = policy("100/min");
    for _ in 0..20 {
        drop(fleet.limiter.decide_key(&policy, &Key::from(1u64), 1));
        sleep_ms(1).await;
    }
    sleep_ms(20).await;
    assert_eq!(fleet.ask(&policy, 1, 1).await.decision.usages()[0].remaining(), 79);
    assert!(format!("{:?}", fleet.front).contains("under_way: 0"), "{:?}", fleet.front);
}

#[tokio::test(start_paused = true)]
async fn each_rule_says_what_happens_without_the_store_and_the_source_tells() {
    let fleet = Fleet::new(1, FleetOptions::new());
    fleet.wire.unplug(true);
    for (choice, expected) in [
        (OnStoreError::Local, (true, Source::Local)),
        (OnStoreError::Open, (true, Source::Open)),
        (OnStoreError::Closed, (false, Source::Closed)),
    ] {
        let rule = Rule::new("5/min".parse().unwrap()).on_store_error(choice);
        let policy = Policy::new("api", [rule]).unwrap();
        let ruling = fleet.ask(&policy, 1, 1).await;
        assert_eq!((ruling.decision.is_allowed(), ruling.decision.source()), expected);
        assert!(ruling.decision.is_degraded());
    }
}

#[test]
fn without_a_runtime_the_store_counts_as_failing() {
    let fleet = Fleet::new(1, FleetOptions::new());
    let policy = policy("5/min");
    let Reply::Now(ruling) = fleet.limiter.decide_key(&policy, &Key::from(1u64), 1) else { panic!("at once") };
    assert_eq!(ruling.decision.source(), Source::Local);
}

#[test]
fn a_runtime_that_is_shut_down_lets_go_of_those_who_wait() {
    let fleet = Fleet::new(1, FleetOptions::new());
    fleet.wire.freeze(true);
    let policy = policy("5/min");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let waiting = runtime.block_on(async {
        let key = Key::from(1u64);
        [fleet.limiter.decide_key(&policy, &key, 1), fleet.limiter.decide_key(&policy, &key, 1)]
    });
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for one in waiting {
        assert_eq!(other.block_on(answered(one)).decision.source(), Source::Local);
    }
    assert!(format!("{:?}", fleet.front).contains("under_way: 0"));
}

#[tokio::test(start_paused = true)]
async fn slots_for_somebody_who_has_gone_away_go_back() {
    let fleet = Fleet::new(4, FleetOptions::new());
    let slots = Policy::new("slots", [Rule::concurrent(1)]).unwrap();
    for gone_after in 0..7 {
        let reply = answered(fleet.limiter.decide_key(&slots, &Key::from(1u64), 1));
        let _ = tokio::time::timeout(Duration::from_millis(gone_after), reply).await;
        sleep_ms(20).await;
        let held = fleet.ask(&slots, 1, 1).await;
        assert_eq!((held.decision.is_allowed(), held.decision.source()), (true, Source::Store), "{gone_after}");
        drop(held);
        sleep_ms(20).await;
    }
}
