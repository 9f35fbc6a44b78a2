//! Hourly and daily quotas of subjects at a server: one step for several of them, by the caller's clock.

use std::time::Duration;

use limiter_core::Limiter;
use limiter_core::key::Key;
use limiter_core::subject::{Allowance, Refused, Reservation, ReserveError, Span, SubjectClaim, SubjectLimits};
use limiter_core::testing::ManualClock;
use tests::redis::{self, Server, until};

use crate::desk;

const HOUR: Duration = Duration::from_secs(3600);

struct Rig {
    clock: ManualClock,
    limits: SubjectLimits,
    _server: Server,
}

impl Rig {
    async fn start() -> Option<Self> {
        if !redis::there() {
            return None;
        }
        let (server, clock) = (Server::start(&[]).await, ManualClock::at_unix(HOUR * 24 * 20_000));
        let builder = desk::plain(server.url()).deadline(Duration::from_secs(10)).callers_clock();
        let limiter = Limiter::builder().store(builder.connect().await.unwrap()).clock(clock.clone()).build();
        let limits = SubjectLimits::builder()
            .subject("everybody", "the service is busy")
            .subject("user", "you ask too often")
            .build(&limiter)
            .unwrap();
        Some(Rig { clock, limits, _server: server })
    }

    async fn passes(&self, claim: &SubjectClaim) -> bool {
        self.limits.reserve(std::slice::from_ref(claim)).await.map(Reservation::keep).is_ok()
    }
}

fn everybody(allowance: Allowance) -> SubjectClaim {
    SubjectClaim::new("everybody", Key::everyone(), allowance)
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

#[tokio::test]
async fn several_subjects_are_charged_in_one_step_and_the_one_that_refuses_is_named() {
    let Some(rig) = Rig::start().await else { return };
    let claims = [everybody(Allowance::hourly(3)), user(1, Allowance::hourly(1).and_daily(9))];
    rig.limits.reserve(&claims).await.unwrap().keep();
    for _ in 0..10 {
        let spent = refused(rig.limits.reserve(&claims).await);
        assert_eq!((spent.subject(), spent.span(), spent.retry_after()), ("user", Span::Hour, Some(HOUR)));
        assert_eq!(spent.to_string(), "Too many requests: you ask too often");
        assert!(!spent.decision().is_degraded());
    }
    // The ten cost everybody nothing.
    let others = [everybody(Allowance::hourly(3)), user(2, Allowance::hourly(9))];
    for _ in 0..2 {
        rig.limits.reserve(&others).await.unwrap().keep();
    }
    // And what everybody has spent costs the user nothing.
    for _ in 0..10 {
        assert_eq!(refused(rig.limits.reserve(&others).await).subject(), "everybody");
    }
    for allowed in [true, false] {
        assert_eq!(rig.passes(&user(2, Allowance::hourly(3))).await, allowed);
    }
}

#[tokio::test]
async fn a_roll_back_gives_both_subjects_their_units_back() {
    let Some(rig) = Rig::start().await else { return };
    let claims = [everybody(Allowance::hourly(1)), user(1, Allowance::new(1, 1))];
    let made = rig.limits.reserve(&claims).await.unwrap();
    assert_eq!(refused(rig.limits.reserve(&claims).await).subject(), "everybody");
    made.roll_back();
    until("both may reserve again", async || rig.limits.reserve(&claims).await.map(Reservation::keep).is_ok()).await;
    assert_eq!(refused(rig.limits.reserve(&claims).await).subject(), "everybody");
    assert!(!rig.passes(&user(1, Allowance::new(1, 1))).await);
}

#[tokio::test]
async fn one_span_can_be_given_back_and_the_other_kept() {
    let Some(rig) = Rig::start().await else { return };
    let both = [user(1, Allowance::new(1, 1))];
    let mut made = rig.limits.reserve(&both).await.unwrap();
    assert_eq!(refused(rig.limits.reserve(&both).await).span(), Span::Hour);
    made.roll_back_of(Span::Hour);
    until("the day is what refuses", async || refused(rig.limits.reserve(&both).await).span() == Span::Day).await;
    made.keep();
}

#[tokio::test]
async fn hours_and_days_follow_each_other_by_the_callers_clock_and_late_roll_backs_leave_them_alone() {
    let Some(rig) = Rig::start().await else { return };
    let both = user(1, Allowance::hourly(1).and_daily(2));
    rig.clock.advance(HOUR / 2);
    let early = rig.limits.reserve(std::slice::from_ref(&both)).await.unwrap();
    let spent = refused(rig.limits.reserve(std::slice::from_ref(&both)).await);
    assert_eq!((spent.span(), spent.retry_after()), (Span::Hour, Some(HOUR / 2)));
    rig.clock.advance(HOUR / 2);
    assert!(rig.passes(&both).await);
    let spent = refused(rig.limits.reserve(std::slice::from_ref(&both)).await);
    assert_eq!(spent.retry_after(), Some(HOUR * 23));

    // The hour is over, the day is not: only the day has something to give back to.
    early.roll_back();
    until("the day has room", async || rig.passes(&user(1, Allowance::daily(2))).await).await;
    assert_eq!(refused(rig.limits.reserve(&[user(1, Allowance::hourly(1))]).await).span(), Span::Hour);
    rig.clock.advance(HOUR * 23);
    assert!(rig.passes(&both).await);
}
