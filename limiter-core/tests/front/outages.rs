use limiter_core::store::front::FleetOptions;
use limiter_core::{Algorithm, Policy, Rule, Source};
use tokio::time::Instant;

use crate::wire::{Fleet, Wire, policy, policy_by, sleep_ms};

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Sliding, Algorithm::Log];

/// How many of `tries` pass at once.
async fn passing(fleet: &Fleet, policy: &Policy, tries: usize) -> u64 {
    let mut passed = 0;
    for _ in 0..tries {
        passed += u64::from(fleet.say(policy, 1).await.0);
    }
    passed
}

/// Asks until the store is heard of again.
async fn wait_for_store(fleet: &Fleet, policy: &Policy) {
    while fleet.say(policy, 999).await.1 != Source::Store {
        sleep_ms(20).await;
    }
    sleep_ms(20).await;
}

#[tokio::test(start_paused = true)]
async fn each_process_hands_out_its_share_of_a_quota() {
    for algorithm in ALGORITHMS {
        let fleet = Fleet::new(1, FleetOptions::new().nodes(4));
        fleet.wire.unplug(true);
        let policy = policy_by(algorithm, "20/h");
        let ruling = fleet.ask(&policy, 1, 1).await.decision;
        assert_eq!((ruling.source(), ruling.usages()[0].limit()), (Source::Local, 5), "{algorithm}");
        assert_eq!(passing(&fleet, &policy, 30).await, 4, "{algorithm}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_hands_out_no_fresh_burst() {
    for algorithm in ALGORITHMS {
        let fleet = Fleet::new(1, FleetOptions::new());
        let policy = policy_by(algorithm, "20/h");
        assert!(fleet.ask(&policy, 1, 17).await.decision.is_allowed());
        fleet.wire.unplug(true);
        assert_eq!(passing(&fleet, &policy, 30).await, 3, "{algorithm}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_without_the_store_is_charged_to_it_before_it_decides() {
    for algorithm in ALGORITHMS {
        let fleet = Fleet::new(1, FleetOptions::new());
        let policy = policy_by(algorithm, "20/h");
        assert!(fleet.ask(&policy, 1, 4).await.decision.is_allowed());
        fleet.wire.unplug(true);
        assert_eq!(passing(&fleet, &policy, 11).await, 11, "{algorithm}");
        fleet.wire.unplug(false);
        sleep_ms(200).await;
        // This one makes the front look; the next ones find the store back.
        let _ = fleet.say(&policy, 999).await;
        sleep_ms(200).await;
        let ruling = fleet.ask(&policy, 1, 1).await.decision;
        assert_eq!((ruling.source(), ruling.usages()[0].remaining()), (Source::Store, 4), "{algorithm}");
        let operations = fleet.wire.operations();
        assert!(operations.iter().any(|operation| operation == "settle 11"), "{algorithm}: {operations:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_comes_before_the_debts_are_paid_pays_its_own_first() {
    let (fleet, policy) = (Fleet::new(5, FleetOptions::new()), policy("20/h"));
    // Too few failures for the store to be left alone.
    fleet.wire.unplug(true);
    assert_eq!(passing(&fleet, &policy, 3).await, 3);
    fleet.wire.unplug(false);
    let ruling = fleet.ask(&policy, 1, 1).await.decision;
    assert_eq!((ruling.source(), ruling.usages()[0].remaining()), (Source::Store, 16));
    assert_eq!(fleet.wire.operations()[3..], ["settle 3", "decide"]);
}

#[tokio::test(start_paused = true)]
async fn what_has_worn_off_meanwhile_is_not_charged() {
    let (fleet, policy) = (Fleet::new(1, FleetOptions::new()), policy("10/s burst 20"));
    fleet.wire.unplug(true);
    for _ in 0..1_000 {
        assert!(fleet.say(&policy, 1).await.0);
        sleep_ms(105).await;
    }
    fleet.wire.unplug(false);
    wait_for_store(&fleet, &policy).await;
    assert!(fleet.ask(&policy, 1, 1).await.decision.usages()[0].remaining() >= 18);
}

#[tokio::test(start_paused = true)]
async fn a_fleet_admits_no_more_than_a_burst_and_the_rate_through_outages() {
    for nodes in [2u32, 5] {
        for algorithm in [Algorithm::Bucket, Algorithm::Interval] {
            let wire = Wire::new(1);
            let options = FleetOptions::new().nodes(nodes);
            let fleets: Vec<Fleet> = (0..nodes).map(|_| Fleet::on(wire.clone(), options)).collect();
            let policy = policy_by(algorithm, "50/s burst 100");
            let began = Instant::now();
            let (mut admitted, mut outages) = (0u64, 0u64);
            for step in 0..4_000u64 {
                let gone = (step / 500) % 2 == 1;
                if step % 500 == 0 {
                    wire.unplug(gone);
                    outages += u64::from(gone);
                }
                for fleet in &fleets {
                    admitted += u64::from(fleet.say(&policy, 1).await.0);
                }
                sleep_ms(2).await;
            }
            let elapsed = began.elapsed().as_millis() as u64;
            let promised = 100 + 50 + elapsed * 50 / 1000;
            // Each outage may cost the burst once more at most; what is charged afterwards pays that back.
            assert!(admitted <= promised + outages * 100, "{algorithm} {nodes}: {admitted} > {promised} + ..");
            assert!(admitted <= promised + 100, "{algorithm} {nodes}: {admitted} in the long run, {promised}");
            assert!(admitted * 10 >= promised * 7, "{algorithm} {nodes}: {admitted} of {promised}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn debts_that_cannot_be_paid_are_still_owed() {
    let (fleet, policy) = (Fleet::new(1, FleetOptions::new()), policy("20/h"));
    fleet.wire.unplug(true);
    assert_eq!(passing(&fleet, &policy, 9).await, 9);
    // The store is heard of for the look alone.
    fleet.wire.unplug(false);
    sleep_ms(200).await;
    let _ = fleet.say(&policy, 999).await;
    fleet.wire.freeze(true);
    sleep_ms(300).await;
    fleet.wire.freeze(false);
    fleet.wire.unplug(true);
    assert!(passing(&fleet, &policy, 30).await <= 11);
    fleet.wire.unplug(false);
    wait_for_store(&fleet, &policy).await;
    sleep_ms(2_000).await;
    assert_eq!(passing(&fleet, &policy, 30).await, 0);
}

#[tokio::test(start_paused = true)]
async fn slots_that_were_taken_without_the_store_go_back_where_they_came_from() {
    let fleet = Fleet::new(1, FleetOptions::new().nodes(2));
    let slots = Policy::new("slots", [Rule::concurrent(4)]).unwrap();
    let held = fleet.ask(&slots, 1, 1).await;
    fleet.wire.unplug(true);
    let local: Vec<_> = [fleet.ask(&slots, 1, 1).await, fleet.ask(&slots, 1, 1).await].into();
    assert!(local.iter().all(|ruling| ruling.decision.source() == Source::Local && ruling.decision.is_allowed()));
    assert!(!fleet.say(&slots, 1).await.0);
    drop(local);
    assert!(fleet.say(&slots, 1).await.0);
    fleet.wire.unplug(false);
    wait_for_store(&fleet, &policy("10000/s")).await;
    drop(held);
    sleep_ms(5).await;
    assert_eq!(fleet.ask(&slots, 1, 1).await.decision.usages()[0].remaining(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_observer_hears_of_the_beginning_and_of_the_end() {
    let (fleet, policy) = (Fleet::new(1, FleetOptions::new()), policy("1000/s"));
    assert!(fleet.say(&policy, 1).await.0);
    fleet.wire.unplug(true);
    assert_eq!(passing(&fleet, &policy, 7).await, 7);
    fleet.wire.unplug(false);
    sleep_ms(100).await;
    assert_eq!(fleet.say(&policy, 1).await.1, Source::Local);
    sleep_ms(100).await;
    assert_eq!(fleet.say(&policy, 1).await.1, Source::Store);
    assert_eq!(fleet.say(&policy, 1).await.1, Source::Store);
    let told = fleet.told.all();
    assert_eq!(told.len(), 9, "{told:?}");
    assert_eq!(told[0], "the store is not available: Local");
    assert_eq!(told[6], "the store failed before and is left alone for a while: Local");
    assert_eq!(told[8], "back after 8 decisions");
}

#[tokio::test(start_paused = true)]
async fn a_refund_of_what_this_process_admitted_on_its_own_is_not_owed() {
    let (fleet, policy) = (Fleet::new(1, FleetOptions::new()), policy("20/h"));
    fleet.wire.unplug(true);
    let charged = fleet.ask(&policy, 1, 10).await;
    fleet.limiter.refund(charged.receipt);
    fleet.wire.unplug(false);
    assert_eq!(fleet.ask(&policy, 1, 1).await.decision.usages()[0].remaining(), 19);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_processes_may_change() {
    let fleet = Fleet::new(1, FleetOptions::new().nodes(2));
    fleet.front.set_nodes(10);
    fleet.wire.unplug(true);
    assert_eq!(passing(&fleet, &policy("20/h"), 30).await, 2);
}
