//! Servers that are flushed, full, killed, frozen or full of what is not ours.

use std::time::{Duration, Instant};

use limiter_core::algorithm::Algorithm;
use limiter_core::store::contract::StoreUnderTest;
use limiter_core::store::memcached::MemcachedBuilder;
use limiter_core::store::{Charged, Mode, Operation, Place};
use limiter_core::time::Nanos;
use smallvec::SmallVec;
use tests::memcached::Memcached;

use crate::fixture::{Fixture, item, params, subject};

const EACH: [Algorithm; 5] =
    [Algorithm::Bucket, Algorithm::Interval, Algorithm::Log, Algorithm::Fixed, Algorithm::Sliding];

#[test]
fn a_flushed_server_gives_each_key_one_burst_more_and_no_second() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in EACH {
        let params = params(algorithm, "5/h");
        let mut admitted = 0;
        let mut hammer = || admitted += (0..20).filter(|_| fixture.take(algorithm.name(), params, 1).unwrap()).count();
        hammer();
        fixture.server.as_ref().unwrap().say("flush_all");
        hammer();
        assert_eq!(admitted, 10, "{algorithm}");
    }
}

#[test]
fn a_killed_server_fails_at_once_and_is_used_again_soon_after_it_is_back() {
    let Some(mut fixture) = Fixture::private() else { return };
    let params = params(Algorithm::Bucket, "5/h");
    assert!(fixture.take("k", params, 5).unwrap());
    fixture.server().kill();
    let began = Instant::now();
    for _ in 0..1000 {
        assert!(fixture.take("k", params, 1).is_err(), "nobody can know");
    }
    // Each that waited would take a tenth of a second at least.
    assert!(began.elapsed() < Duration::from_secs(20), "a thousand failures took {:?}", began.elapsed());
    fixture.server().restart();
    assert!(fixture.recover() < Duration::from_secs(2));
    assert!(fixture.take("k", params, 5).unwrap(), "it forgot everything");
    assert!(!fixture.take("k", params, 1).unwrap());
}

#[test]
fn a_frozen_server_is_overdue_in_time_and_its_ghosts_spend_no_more_than_was_asked() {
    let Some(server) = Memcached::start(&[]) else { return };
    let address = server.address.to_string();
    let impatient = |builder: MemcachedBuilder| builder.reply_timeout(Duration::from_millis(200));
    let fixture = Fixture::with(&[address], Some(server), impatient);
    for algorithm in [Algorithm::Fixed, Algorithm::Bucket] {
        let params = params(algorithm, "20/h");
        assert!(fixture.take(algorithm.name(), params, 5).unwrap());
        fixture.server.as_ref().unwrap().freeze();
        let began = Instant::now();
        let error = fixture.take(algorithm.name(), params, 1).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        // From now on nobody waits.
        let began = Instant::now();
        for _ in 0..100 {
            assert!(!fixture.take(algorithm.name(), params, 1).unwrap_err().is_timeout());
        }
        assert!(began.elapsed() < Duration::from_secs(5), "they took {:?}", began.elapsed());
        fixture.server.as_ref().unwrap().thaw();
        fixture.recover();
        let seen = fixture.decide(item(algorithm.name(), params, 0, Mode::Peek)).unwrap();
        let left = params.remaining(seen.items[0].state, fixture.now());
        // One was sent and abandoned; the hundred were not sent.
        assert!((14..=15).contains(&left), "{algorithm}: {left}");
    }
}

#[test]
fn a_server_that_is_full_and_must_not_forget_says_so_and_refuses_nobody() {
    let Some(server) = Memcached::start(&["-m", "2", "-M"]) else { return };
    let address = server.address.to_string();
    let fixture = Fixture::at(&address, Some(server));
    let params = params(Algorithm::Fixed, "5/h");
    assert!(fixture.take("before", params, 1).unwrap());
    let block = format!("set filler-{{}} 0 0 500000\r\n{}", "x".repeat(500_000));
    let fill = |number: u32| fixture.server.as_ref().unwrap().say(&block.replacen("{}", &number.to_string(), 1));
    assert!((0..100).any(|number| fill(number).starts_with("SERVER_ERROR")), "it is never full");
    let mut failed = false;
    for number in 0..20_000 {
        match fixture.take(&format!("key {number}"), params, 1) {
            Ok(allowed) => assert!(allowed, "a full server is no refusal"),
            Err(error) => {
                failed = true;
                assert!(!error.is_timeout());
                break;
            }
        }
    }
    assert!(failed, "there was room for all");
    assert!(fixture.take("before", params, 4).unwrap(), "what is there can still be counted");
    assert!(!fixture.take("before", params, 1).unwrap());
}

#[test]
fn a_counter_that_was_given_up_begins_anew_and_a_refund_does_not_bring_it_back() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in EACH {
        let params = params(algorithm, "5/h");
        assert!(fixture.take(algorithm.name(), params, 3).unwrap());
        fixture.server.as_ref().unwrap().say("flush_all");
        let now = fixture.now();
        let until = now.monotonic.saturating_add(Nanos::from(Duration::from_secs(600)));
        let charge = Charged {
            budget: 1,
            subject: subject(algorithm.name()),
            params,
            cost: 3,
            at: now.monotonic,
            until,
            place: Place::Own,
        };
        fixture.operate(Operation::Settle { now, charges: SmallVec::from_iter([(charge, -3)]) }).unwrap();
        assert!(fixture.take(algorithm.name(), params, 5).unwrap(), "{algorithm}");
        assert!(!fixture.take(algorithm.name(), params, 1).unwrap(), "{algorithm}: the refund made room");
    }
}

#[test]
fn the_shortest_windows_do_not_expire_early() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in EACH {
        let params = params(algorithm, "2/50ms");
        for number in 0..50 {
            let key = format!("{algorithm} {number}");
            assert!(fixture.take(&key, params, 2).unwrap());
            assert!(!fixture.take(&key, params, 1).unwrap(), "{key} was forgotten at once");
        }
    }
}

#[test]
fn keys_that_are_too_long_for_the_server_are_kept_apart() {
    let Some(fixture) = Fixture::private() else { return };
    let params = params(Algorithm::Fixed, "1/h");
    let long = "k".repeat(251);
    for key in [&format!("{long}a"), &format!("{long}b"), "with spaces\r\nflush_all\r\n", &"\u{1F600}".repeat(5000)] {
        assert!(fixture.take(key, params, 1).unwrap());
        assert!(!fixture.take(key, params, 1).unwrap());
    }
}

#[test]
fn what_others_wrote_is_an_error_that_is_counted_and_a_reset_heals() {
    let Some(fixture) = Fixture::private() else { return };
    for (round, algorithm) in EACH.into_iter().enumerate() {
        let params = params(algorithm, "5/h");
        let server = fixture.server.as_ref().unwrap();
        server.say("flush_all");
        assert!(fixture.take(algorithm.name(), params, 5).unwrap());
        for garbage in ["", "x", "-1", "NaN", "1.5", "18446744073709551616", "L1P12345678"] {
            for key in server.keys() {
                assert_eq!(server.say(&format!("set {key} 0 0 {}\r\n{garbage}", garbage.len())), "STORED");
            }
            let before = fixture.store.stats().quarantined;
            assert!(fixture.take(algorithm.name(), params, 1).is_err(), "{algorithm} {garbage:?} {round}");
            assert!(fixture.store.stats().quarantined > before, "{algorithm} {garbage:?}");
        }
        let now = fixture.now().monotonic;
        let charge = Charged {
            budget: 1,
            subject: subject(algorithm.name()),
            params,
            cost: 0,
            at: now,
            until: now,
            place: Place::Own,
        };
        fixture.operate(Operation::Reset { charges: SmallVec::from_iter([charge]) }).unwrap();
        assert!(fixture.take(algorithm.name(), params, 5).unwrap(), "{algorithm}");
    }
}

#[test]
fn a_number_that_wraps_opens_no_window() {
    let Some(fixture) = Fixture::private() else { return };
    for algorithm in [Algorithm::Fixed, Algorithm::Sliding] {
        let params = params(algorithm, "5/h");
        let server = fixture.server.as_ref().unwrap();
        server.say("flush_all");
        assert!(fixture.take(algorithm.name(), params, 1).unwrap());
        for key in server.keys() {
            assert_eq!(server.say(&format!("set {key} 0 0 20\r\n{}", u64::MAX)), "STORED");
        }
        assert!(fixture.take(algorithm.name(), params, 1).is_err(), "{algorithm}");
        assert!(!fixture.take(algorithm.name(), params, 1).unwrap(), "{algorithm}: it began again at 0");
    }
    assert_eq!(fixture.store.stats().wrapped, 2);
}

#[test]
fn a_server_that_fails_takes_its_own_keys_with_it_and_no_others() {
    let Some(mut servers) = (0..2).map(|_| Memcached::start(&[])).collect::<Option<Vec<_>>>() else { return };
    let addresses: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    let fixture = Fixture::with(&addresses, None, |builder| builder);
    let params = params(Algorithm::Fixed, "1/h");
    let keys: Vec<String> = (0..100).map(|number| format!("key {number}")).collect();
    for key in &keys {
        assert!(fixture.take(key, params, 1).unwrap());
    }
    servers[0].kill();
    let answers: Vec<_> = keys.iter().map(|key| fixture.take(key, params, 1)).collect();
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    assert!((25..=75).contains(&failed), "{failed} of 100");
    // Not one of them moved to where it would have been as good as new.
    assert!(answers.iter().flatten().all(|allowed| !allowed));
}
