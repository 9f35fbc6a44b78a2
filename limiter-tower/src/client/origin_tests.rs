use super::super::fields::Meaning;
use super::*;

fn secs(seconds: u64) -> Nanos {
    Nanos::new(seconds * 1_000_000_000)
}

fn report(name: &str, remaining: u64, seconds: u64) -> Report {
    let name = name.to_owned();
    Report { name, remaining, seconds: Some(seconds), meaning: Meaning::Pace, limit: None, window: None }
}

fn answer(status: u16, retry_after: Option<u64>, reports: &[Report]) -> Answer {
    Answer { status: StatusCode::from_u16(status).unwrap(), retry_after, reports: reports.to_vec() }
}

fn go(origin: &mut Origin, now: Nanos, class: Class) -> Option<Ticket> {
    match origin.ask(now, class, &mut None, now, Waker::noop()) {
        Reply::Go(ticket, _) => Some(ticket),
        _ => None,
    }
}

/// An origin that has answered once, with this.
fn met(first: &Answer) -> Origin {
    let mut origin = Origin::new(secs(0), 1);
    let ticket = go(&mut origin, secs(0), Class::Read).unwrap();
    origin.answer(secs(0), &ticket, first);
    origin
}

#[test]
fn what_reads_were_told_does_not_hold_back_writes() {
    let mut origin = met(&answer(200, None, &[report("r", 0, 9)]));
    assert!(go(&mut origin, secs(1), Class::Read).is_none());
    assert!(go(&mut origin, secs(1), Class::Write).is_some());
}

#[test]
fn a_read_that_waits_is_not_ahead_of_a_write() {
    let mut origin = met(&answer(200, None, &[report("r", 0, 9)]));
    let mut place = None;
    let reply = origin.ask(secs(1), Class::Read, &mut place, secs(20), Waker::noop());
    assert!(matches!(reply, Reply::Wait(at) if at == secs(9)), "{reply:?}");
    assert!(go(&mut origin, secs(1), Class::Write).is_some());
}

#[test]
fn a_request_that_went_ahead_and_failed_lets_the_next_one_try() {
    let mut origin = met(&answer(200, None, &[report("r", 0, 9)]));
    let ahead = go(&mut origin, secs(9), Class::Read).unwrap();
    assert!(go(&mut origin, secs(9), Class::Read).is_none());
    origin.abandon(&ahead);
    assert!(go(&mut origin, secs(9), Class::Read).is_some());
}

#[test]
fn a_request_that_a_policy_did_not_count_gives_its_unit_back() {
    let mut origin = met(&answer(200, None, &[report("a", 1, 9)]));
    for _ in 0..5 {
        let ticket = go(&mut origin, secs(1), Class::Read).unwrap();
        origin.answer(secs(1), &ticket, &answer(200, None, &[]));
    }
    // A redirect has no fields either, but may have been counted.
    let ticket = go(&mut origin, secs(1), Class::Read).unwrap();
    origin.answer(secs(1), &ticket, &answer(302, None, &[]));
    assert!(go(&mut origin, secs(1), Class::Read).is_none());
}

#[test]
fn the_longest_of_several_pauses_counts() {
    let mut origin = met(&answer(200, None, &[]));
    let tickets: Vec<_> = (0..3).map(|_| go(&mut origin, secs(1), Class::Read).unwrap()).collect();
    for (ticket, seconds) in tickets.iter().zip([5, 20, 2]) {
        origin.answer(secs(2), ticket, &answer(429, Some(seconds), &[]));
    }
    assert!(go(&mut origin, secs(21), Class::Write).is_none(), "the origin, not a class");
    assert!(go(&mut origin, secs(22), Class::Write).is_some());
    assert!(go(&mut origin, secs(22), Class::Read).is_none(), "one goes ahead");
}

#[test]
fn an_answer_to_an_earlier_request_does_not_lift_a_pause() {
    let mut origin = met(&answer(200, None, &[]));
    let early = go(&mut origin, secs(1), Class::Read).unwrap();
    let refused = go(&mut origin, secs(1), Class::Read).unwrap();
    origin.answer(secs(2), &refused, &answer(503, Some(30), &[]));
    origin.answer(secs(3), &early, &answer(200, None, &[]));
    assert!(go(&mut origin, secs(31), Class::Read).is_none());
    let probe = go(&mut origin, secs(32), Class::Read).unwrap();
    origin.answer(secs(33), &probe, &answer(200, None, &[]));
    assert!((0..50).all(|_| go(&mut origin, secs(33), Class::Read).is_some()));
}

#[test]
fn an_unavailable_service_that_names_no_time_is_not_paused() {
    let mut origin = met(&answer(503, None, &[]));
    assert!((0..50).all(|_| go(&mut origin, secs(0), Class::Read).is_some()));
}

#[test]
fn a_refusal_that_names_nothing_pauses_for_a_second() {
    let mut origin = met(&answer(429, None, &[]));
    assert!(go(&mut origin, Nanos::new(999_999_999), Class::Read).is_none());
    assert!(go(&mut origin, secs(1), Class::Read).is_some());
}

#[test]
fn the_budgets_of_an_origin_have_a_ceiling() {
    let mut origin = met(&answer(200, None, &[]));
    for n in 0..1000 {
        let ticket = go(&mut origin, secs(n), Class::Read).unwrap();
        origin.answer(secs(n), &ticket, &answer(200, None, &[report(&n.to_string(), 9, 1)]));
    }
    assert_eq!(origin.budgets.len(), MOST_BUDGETS);
    assert!(origin.budgets.iter().any(|known| known.name == "999"));
}
