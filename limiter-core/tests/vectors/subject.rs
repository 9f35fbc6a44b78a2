//! Hourly and daily limits of subjects. The recorded gateway learns what its cluster has used from
//! totals that arrive late; here the others' use is charged to the store that all share when it
//! shows in a total. What a total that shrinks means to that gateway is its own affair: a case ends there.

use std::collections::HashMap;
use std::time::Duration;

use limiter_core::Limiter;
use limiter_core::store::contract::block_on;
use limiter_core::subject::{Allowance, Reservation, ReserveError, Span, SubjectClaim, SubjectLimits};
use limiter_core::testing::ManualClock;
use serde_json::Value;

use crate::cases::{id, load, steps};

const SUBJECTS: [&str; 4] = ["GenericGlobal", "GenericIp", "Company", "User"];
const HOUR: u64 = 3600;

/// One subject's id in one of its windows, as the gateway books it.
#[derive(Default)]
struct Book {
    window: u64,
    total: u64,
    pending: u64,
}

struct Rig {
    clock: ManualClock,
    limits: SubjectLimits,
    books: HashMap<(String, u64, Span), Book>,
    made: HashMap<(String, u64), Vec<Reservation>>,
    at: Option<(u64, u64)>,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

impl Rig {
    fn new() -> Self {
        let clock = ManualClock::at_unix(Duration::from_secs(20_000 * 86_400));
        let builder = SUBJECTS.iter().fold(SubjectLimits::builder(), |all, name| all.subject(*name, *name));
        let limits = builder.build(&Limiter::builder().clock(clock.clone()).build()).unwrap();
        Rig { clock, limits, books: HashMap::new(), made: HashMap::new(), at: None }
    }

    /// Moves on by as many hours and days as the step does. A new day is a new hour on any clock.
    fn go_to(&mut self, step: &Value) {
        let (hour, day) = (number(&step["hour_epoch"]), number(&step["day_epoch"]));
        if let Some((last_hour, last_day)) = self.at.replace((hour, day)) {
            let hours = hour.saturating_sub(last_hour);
            let days = day.saturating_sub(last_day);
            self.clock.advance(Duration::from_secs(days * 24 * HOUR + hours * HOUR));
        }
    }

    fn reserve(&self, claims: Vec<SubjectClaim>) -> Result<Reservation, ReserveError> {
        let limits = self.limits.clone();
        block_on(Box::pin(async move { limits.reserve(&claims).await }))
    }

    /// Charges what others have used since the last total. `false`: the total has shrunk.
    fn hear_of_others(&mut self, who: &Value, step: &Value) -> bool {
        let (subject, key) = (who["subject"].as_str().unwrap().to_owned(), number(&who["id"]));
        for (span, total, epoch) in
            [(Span::Hour, "cluster_hour", "hour_epoch"), (Span::Day, "cluster_day", "day_epoch")]
        {
            let (total, window) = (number(&who[total]), number(&step[epoch]));
            let book = self.books.entry((subject.clone(), key, span)).or_default();
            if book.window != window {
                *book = Book { window, ..Book::default() };
            }
            let Some(growth) = total.checked_sub(book.total) else { return false };
            let ours = book.pending.min(growth);
            book.total = total;
            book.pending -= ours;
            if growth > ours {
                let enough = match span {
                    Span::Hour => Allowance::hourly(1_000_000),
                    Span::Day => Allowance::daily(1_000_000),
                };
                let others = SubjectClaim::new(subject.clone(), key, enough).with_units(growth - ours);
                self.reserve(vec![others]).unwrap().keep();
            }
        }
        true
    }

    fn book(&mut self, who: &Value) {
        for (span, limit) in [(Span::Hour, "hourly_limit"), (Span::Day, "daily_limit")] {
            if number(&who[limit]) > 0 {
                let key = (who["subject"].as_str().unwrap().to_owned(), number(&who["id"]), span);
                self.books.entry(key).or_default().pending += 1;
            }
        }
    }

    fn roll_back(&mut self, step: &Value) {
        let (subject, key) = (step["subject"].as_str().unwrap().to_owned(), number(&step["id"]));
        for (span, units) in [(Span::Hour, "hour_dec"), (Span::Day, "day_dec")] {
            let book = self.books.entry((subject.clone(), key, span)).or_default();
            let units = number(&step[units]).min(book.pending);
            book.pending -= units;
            let made = self.made.entry((subject.clone(), key)).or_default();
            // The newest that still has something of this span; giving back twice does nothing.
            for reservation in made.iter_mut().rev().take(usize::try_from(units).unwrap()) {
                reservation.roll_back_of(span);
            }
        }
    }
}

fn claims(whos: &[Value]) -> Vec<SubjectClaim> {
    let claim = |who: &Value| {
        let allowance = Allowance::new(number(&who["hourly_limit"]), number(&who["daily_limit"]));
        SubjectClaim::new(who["subject"].as_str().unwrap().to_owned(), number(&who["id"]), allowance)
    };
    whos.iter().map(claim).collect()
}

/// Plays a case to its end, or to the first total that shrinks, and says how many steps that were.
fn play(case: &Value) -> usize {
    let mut rig = Rig::new();
    for (at, step) in steps(case).iter().enumerate() {
        rig.go_to(step);
        let whos = match step["op"].as_str().unwrap() {
            "rollback" => {
                rig.roll_back(step);
                continue;
            }
            "check" => vec![step.clone()],
            "reserve" => step["subjects"].as_array().unwrap().clone(),
            other => panic!("{other}"),
        };
        if !whos.iter().all(|who| rig.hear_of_others(who, step)) {
            return at;
        }
        let answer = rig.reserve(claims(&whos));
        let wanted = &step["expect"];
        assert_eq!(answer.is_ok(), wanted["allowed"].as_bool().unwrap(), "{} step {at}", id(case));
        match answer {
            Ok(reservation) => {
                whos.iter().for_each(|who| rig.book(who));
                if let [who] = whos.as_slice() {
                    let key = (who["subject"].as_str().unwrap().to_owned(), number(&who["id"]));
                    rig.made.entry(key).or_default().push(reservation);
                }
            }
            Err(ReserveError::Refused(refused)) => {
                if let Some(by) = wanted["rejected_by"].as_str() {
                    assert_eq!(refused.subject(), by, "{} step {at}", id(case));
                }
            }
            Err(other) => panic!("{other}"),
        }
    }
    steps(case).len()
}

#[test]
fn subjects_are_limited_as_recorded() {
    let (_, cases) = load(include_str!("../../../tests/vectors/gateway_subject_limiter.json"));
    let core: Vec<_> = cases.iter().filter(|case| case["class"] == "core").collect();
    let played: usize = core.iter().map(|case| play(case)).sum();
    assert_eq!((core.len(), played), SUBJECT_STEPS);
}

#[test]
fn a_call_without_limit_does_not_forget_what_was_used() {
    let (_, cases) = load(include_str!("../../../tests/vectors/gateway_subject_limiter.json"));
    let quirk = cases.iter().find(|case| id(case) == "S1-E19").unwrap();
    let mut rig = Rig::new();
    let answers: Vec<bool> = { steps(quirk).iter() }
        .map(|step| {
            rig.go_to(step);
            rig.reserve(claims(std::slice::from_ref(step))).map(Reservation::keep).is_ok()
        })
        .collect();
    // The recorded gateway admits two more after the third call, which has no hourly limit.
    assert_eq!(answers, [true, true, true, false, false, false]);
}

/// Cases, and the steps of them that are played: the rest of a case follows a total that shrinks.
const SUBJECT_STEPS: (usize, usize) = (7, 36);
