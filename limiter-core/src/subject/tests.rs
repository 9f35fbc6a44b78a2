use std::time::Duration;

use super::*;
use crate::key::Key;
use crate::store::contract::block_on;
use crate::testing::ManualClock;

const HOUR: Duration = Duration::from_secs(3600);

struct Rig {
    clock: ManualClock,
    limits: SubjectLimits,
}

impl Rig {
    fn new() -> Self {
        let clock = ManualClock::new();
        let limits = SubjectLimits::builder()
            .subject("everybody", "the service is busy")
            .subject("user", "you ask too often")
            .exempt(AddressSet::parse(["10.0.0.0/8"]).unwrap())
            .build(&Limiter::builder().clock(clock.clone()).build())
            .unwrap();
        Rig { clock, limits }
    }

    fn reserve(&self, claims: &[SubjectClaim]) -> Result<Reservation, ReserveError> {
        let (limits, claims) = (self.limits.clone(), claims.to_vec());
        block_on(Box::pin(async move { limits.reserve(&claims).await }))
    }

    fn passes(&self, claim: SubjectClaim) -> bool {
        self.reserve(&[claim]).map(Reservation::keep).is_ok()
    }
}

fn user(id: u64, allowance: Allowance) -> SubjectClaim {
    SubjectClaim::new("user", id, allowance)
}

fn refused(answer: Result<Reservation, ReserveError>) -> Refused {
    match answer {
        Err(ReserveError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hours_and_days_are_those_of_the_clock() {
    let rig = Rig::new();
    let both = Allowance::hourly(1).and_daily(2);
    rig.clock.advance(HOUR / 2);
    assert!(rig.passes(user(1, both)));
    let spent = refused(rig.reserve(&[user(1, both)]));
    assert_eq!((spent.subject(), spent.span(), spent.retry_after()), ("user", Span::Hour, Some(HOUR / 2)));
    rig.clock.advance(HOUR / 2);
    assert!(rig.passes(user(1, both)));
    let spent = refused(rig.reserve(&[user(1, both)]));
    assert_eq!(spent.retry_after(), Some(HOUR * 23));
    rig.clock.advance(HOUR);
    assert_eq!(refused(rig.reserve(&[user(1, both)])).span(), Span::Day);
    assert!(rig.passes(user(2, both)));
}

#[test]
fn several_subjects_are_charged_together_or_not_at_all() {
    let rig = Rig::new();
    let everybody = |count| SubjectClaim::new("everybody", Key::everyone(), Allowance::hourly(count));
    rig.reserve(&[everybody(5), user(1, Allowance::hourly(1))]).unwrap().keep();
    for _ in 0..10 {
        let spent = refused(rig.reserve(&[everybody(5), user(1, Allowance::hourly(1))]));
        assert_eq!(spent.to_string(), "Too many requests: you ask too often");
    }
    // The ten cost everybody nothing.
    assert_eq!((0..10).filter(|_| rig.passes(everybody(5))).count(), 4);
}

#[test]
fn what_is_without_limit_is_not_counted_and_does_not_forget() {
    let rig = Rig::new();
    assert!(rig.passes(user(1, Allowance::hourly(1))));
    assert!((0..100).all(|_| rig.passes(user(1, Allowance::default()))));
    assert!(!rig.passes(user(1, Allowance::hourly(1))));
    assert!(rig.passes(user(1, Allowance::hourly(2))));
}

#[test]
fn a_roll_back_gives_back_and_leaves_hours_that_followed_alone() {
    let rig = Rig::new();
    let once = Allowance::hourly(1);
    rig.reserve(&[user(1, once)]).unwrap().roll_back();
    let late = rig.reserve(&[user(1, once)]).unwrap();
    rig.clock.advance(HOUR);
    assert!(rig.passes(user(1, once)));
    late.roll_back();
    assert!(!rig.passes(user(1, once)));
}

#[test]
fn one_span_can_be_given_back_and_the_other_kept() {
    let rig = Rig::new();
    let both = Allowance::new(1, 1);
    let mut made = rig.reserve(&[user(1, both)]).unwrap();
    made.roll_back_of(Span::Day);
    assert_eq!(refused(rig.reserve(&[user(1, both)])).span(), Span::Hour);
    made.roll_back_of(Span::Hour);
    made.keep();
    assert!(rig.passes(user(1, both)));
}

#[test]
fn a_clock_that_steps_back_opens_no_hour_again() {
    let rig = Rig::new();
    rig.clock.advance(HOUR * 3);
    assert!(rig.passes(user(1, Allowance::hourly(1))));
    rig.clock.step_back(HOUR * 2);
    assert!(!rig.passes(user(1, Allowance::hourly(1))));
}

#[test]
fn exempt_addresses_are_charged_nothing() {
    let rig = Rig::new();
    let from = |address: &str| {
        let (limits, address) = (rig.limits.clone(), address.parse().unwrap());
        block_on(Box::pin(async move {
            limits.reserve_from(address, &[user(1, Allowance::daily(1))]).await.map(Reservation::keep).is_ok()
        }))
    };
    assert!((0..5).all(|_| from("10.1.2.3")));
    assert!(from("192.0.2.1"));
    assert!(!from("192.0.2.1"));
}

#[test]
fn mistakes_are_told_with_what_is_accepted() {
    let rig = Rig::new();
    let error = rig.reserve(&[SubjectClaim::new("usr", 1u64, Allowance::hourly(1))]).unwrap_err();
    assert_eq!(error.to_string(), "no subject `usr` was declared; accepted: `everybody` `user`");
    let limiter = Limiter::in_memory();
    let twice = SubjectLimits::builder().subject("a", "").subject("a", "").build(&limiter);
    assert_eq!(twice.unwrap_err(), PolicyError::DuplicateName { name: "a-hour".into() });
    let many = (0..9).fold(SubjectLimits::builder(), |all, n| all.subject(format!("s{n}"), ""));
    assert_eq!(many.build(&limiter).unwrap_err(), PolicyError::TooManyRules { found: 18 });
}
