//! Interval refill, sliding window and exact log against naive models, under random arrivals with
//! edges in nanoseconds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use limiter_core::algorithm::log::Log;
use limiter_core::algorithm::{Params, State, Step, Verdict};
use limiter_core::quota::Alignment;
use limiter_core::time::{Nanos, Now};
use limiter_core::{Algorithm, Quota};
use proptest::prelude::*;

/// One key, kept as a store would keep it.
#[derive(Clone)]
struct Cell {
    params: Params,
    state: State,
    log: Log,
}

impl Cell {
    fn new(algorithm: Algorithm, quota: Quota) -> Self {
        let params = Params::new(algorithm, quota).unwrap();
        Cell { params, state: State::default(), log: Log::default() }
    }

    fn is_log(&self) -> bool {
        self.params.algorithm() == Algorithm::Log
    }

    fn ask(&self, now: Now, cost: u64) -> Step {
        if self.is_log() {
            self.log.decide(&self.params, now, 0, cost)
        } else {
            self.params.decide(self.state, now, cost)
        }
    }

    fn passes(&self, now: Now, cost: u64) -> bool {
        self.ask(now, cost).verdict == Verdict::Allow
    }

    /// What a report about this key is made of.
    fn state(&self, now: Now) -> State {
        if self.is_log() { self.log.summary(&self.params, now.monotonic, 0) } else { self.state }
    }

    fn take(&mut self, now: Now, cost: u64) -> Verdict {
        let step = self.ask(now, cost);
        if step.verdict == Verdict::Allow {
            self.state = step.state;
            if cost > 0 {
                self.log.charge(&self.params, now, cost, |_| true);
            }
        }
        step.verdict
    }

    fn give_back(&mut self, now: Now, charged: Now, until: Nanos, units: u64) {
        if self.is_log() {
            self.log.give_back(charged.monotonic, units);
        } else {
            self.state = self.params.settle(self.state, now, until, -i64::try_from(units).unwrap());
        }
    }

    fn penalize(&mut self, now: Now, cost: u64) -> Step {
        if self.is_log() {
            self.log.charge_refused(&self.params, now, cost, |_| true);
            return self.ask(now, cost);
        }
        let step = self.params.penalize(self.state, now, cost);
        self.state = step.state;
        step
    }

    fn remaining(&self, now: Now) -> u64 {
        self.params.remaining(self.state(now), now)
    }
}

fn at(nanos: u64) -> Now {
    Now { monotonic: Nanos::new(nanos), wall: Nanos::new(nanos + AHEAD) }
}

/// Checks everything that is promised of one instant.
fn check_instant(cell: &Cell, now: Now) -> Result<(), TestCaseError> {
    let (params, state) = (&cell.params, cell.state(now));
    let after = |wait: u64| at(now.monotonic.get() + wait);
    let remaining = cell.remaining(now);
    // Nothing may be refused to those who are over a limit that was lowered, or under a penalty.
    prop_assert!(remaining == 0 || cell.passes(now, remaining), "what remains passes");
    if remaining < params.capacity() {
        prop_assert!(!cell.passes(now, remaining + 1), "more than remains does not");
        let next = params.next_unit_after(state, now).expect("not whole").get();
        prop_assert!(cell.remaining(after(next)) > remaining, "another unit when it was said to come");
        prop_assert_eq!(cell.remaining(after(next - 1)), remaining, "and not before");
    } else {
        prop_assert_eq!(params.next_unit_after(state, now), None);
    }
    let reset = params.reset_after(state, now).unwrap().get();
    prop_assert_eq!(cell.remaining(after(reset)), params.capacity());
    if reset > 0 {
        prop_assert!(cell.remaining(after(reset - 1)) < params.capacity(), "whole no earlier than said");
    }
    // Forgetting a stale cell changes nothing.
    if !cell.is_log() && state.is_stale(now.monotonic) {
        for cost in 0..=params.capacity() {
            let (kept, fresh) = (params.decide(state, now, cost), params.decide(State::default(), now, cost));
            prop_assert_eq!(kept.verdict, fresh.verdict);
            prop_assert!(cost == 0 || kept.state == fresh.state);
        }
    }
    Ok(())
}

/// A refused cost passes after the wait it was told, and not a nanosecond earlier.
fn check_wait(cell: &Cell, now: Now, cost: u64, verdict: Verdict) -> Result<(), TestCaseError> {
    if let Verdict::Deny { retry } = verdict {
        let wait = retry.expect("a wait is known").get();
        prop_assert!(wait > 0);
        prop_assert!(cell.passes(at(now.monotonic.get() + wait), cost));
        prop_assert!(!cell.passes(at(now.monotonic.get() + wait - 1), cost));
    }
    Ok(())
}

/// The naive models.
trait Model {
    fn passes(&mut self, now: u64, cost: u64) -> bool;
}

/// All admissions, newest last.
struct Admissions {
    limit: u64,
    period: u64,
    all: Vec<(u64, u64)>,
}

impl Admissions {
    fn within(&self, from: u64, to: u64) -> u64 {
        self.all.iter().filter(|(t, _)| (from..to).contains(t)).map(|(_, cost)| cost).sum()
    }
}

impl Model for Admissions {
    fn passes(&mut self, now: u64, cost: u64) -> bool {
        let used: u64 = self.all.iter().filter(|(t, _)| t + self.period > now).map(|(_, cost)| cost).sum();
        let passes = used + cost <= self.limit;
        if passes && cost > 0 {
            self.all.push((now, cost));
        }
        passes
    }
}

/// The windows are walked one by one, and their units counted from all admissions.
struct Counter {
    admissions: Admissions,
    start: Option<u64>,
}

impl Model for Counter {
    fn passes(&mut self, now: u64, cost: u64) -> bool {
        let (limit, period) = (self.admissions.limit, self.admissions.period);
        while let Some(start) = self.start.filter(|start| start + period <= now) {
            let is_empty = self.admissions.within(start, start + period) == 0;
            self.start = (!is_empty).then_some(start + period);
        }
        let start = self.start.unwrap_or(now);
        let previous = self.admissions.within(start.saturating_sub(period), start);
        let current = self.admissions.within(start, start + period);
        let covered = u128::from(previous) * u128::from(start + period - now);
        let passes =
            u128::from(current + cost) * u128::from(period) + covered <= u128::from(limit) * u128::from(period);
        if passes && cost > 0 {
            self.admissions.all.push((now, cost));
            self.start = Some(start);
        }
        passes
    }
}

/// Tokens, and an edge that walks.
struct Tokens {
    size: u64,
    count: u64,
    period: u64,
    /// Distance of edges to multiples of the period; `None` follows the first use of a full bucket.
    aligned: Option<u64>,
    tokens: u64,
    edge: Option<u64>,
}

impl Model for Tokens {
    fn passes(&mut self, now: u64, cost: u64) -> bool {
        while let Some(edge) = self.edge.filter(|edge| edge + self.period <= now) {
            self.tokens = (self.tokens + self.count).min(self.size);
            self.edge = (self.tokens < self.size).then_some(edge + self.period);
        }
        if cost > self.tokens {
            return false;
        }
        if cost > 0 {
            self.tokens -= cost;
            let into = self.aligned.map_or(0, |offset| (now + offset) % self.period);
            self.edge = self.edge.or(Some(now.wrapping_sub(into)));
        }
        true
    }
}

type Arrivals = Vec<(u64, u64)>;

/// Gaps of up to two and a half periods with the edges among them, and costs above the limit.
fn arrivals(limit: u64, period: u64) -> impl Strategy<Value = Arrivals> {
    let gap = prop_oneof![
        3 => Just(0),
        4 => 0..=period / 3,
        2 => 0..=period * 5 / 2,
        1 => prop_oneof![Just(period - 1), Just(period), Just(period + 1), Just(2 * period)],
    ];
    let cost = prop_oneof![6 => Just(1), 3 => 0..=limit, 1 => limit..=limit + 1];
    prop::collection::vec((gap, cost), 1..80)
}

fn quota_and_arrivals() -> impl Strategy<Value = (u64, u64, Arrivals)> {
    // Half of the periods divide the beginning, so that arrivals meet aligned edges.
    let period = prop_oneof![1..200u64, prop::sample::select(vec![2u64, 5, 20, 40, 50, 100, 125])];
    (1..12u64, period).prop_flat_map(|(limit, period)| (Just(limit), Just(period), arrivals(limit, period)))
}

/// Where arrivals begin, and how far the wall clock is ahead.
const BEGIN: u64 = 10_000_000;
const AHEAD: u64 = 40_000_000;

fn drive(mut cell: Cell, model: &mut dyn Model, arrivals: &Arrivals) -> Result<Vec<(u64, u64)>, TestCaseError> {
    let (mut now, mut admitted) = (BEGIN, Vec::new());
    for (gap, cost) in arrivals {
        now += gap;
        check_instant(&cell, at(now))?;
        let before = cell.remaining(at(now));
        let verdict = cell.take(at(now), *cost);
        if *cost > cell.params.capacity() {
            prop_assert_eq!(verdict, Verdict::TooBig);
            continue;
        }
        prop_assert_eq!(verdict == Verdict::Allow, model.passes(now, *cost), "cost {} at {}", cost, now);
        check_wait(&cell, at(now), *cost, verdict)?;
        if verdict == Verdict::Allow {
            admitted.push((now, *cost));
            prop_assert_eq!(cell.remaining(at(now)), before - cost);
        } else {
            prop_assert_eq!(cell.remaining(at(now)), before, "a refusal is free");
        }
        check_instant(&cell, at(now))?;
    }
    Ok(admitted)
}

/// The most units that were admitted in any stretch of this length.
fn most_within(admitted: &[(u64, u64)], length: u64) -> u64 {
    let from = |start: u64| admitted.iter().filter(move |(t, _)| (start..start + length).contains(t));
    admitted.iter().map(|(start, _)| from(*start).map(|(_, cost)| cost).sum()).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(common::config())]

    #[test]
    fn a_log_admits_exactly_as_the_list_of_all_admissions((limit, period, arrivals) in quota_and_arrivals()) {
        let cell = Cell::new(Algorithm::Log, Quota::from_nanos(limit, period).unwrap());
        let mut model = Admissions { limit, period, all: Vec::new() };
        let admitted = drive(cell, &mut model, &arrivals)?;
        prop_assert!(most_within(&admitted, period) <= limit);
    }

    #[test]
    fn a_sliding_window_admits_by_its_estimate_and_at_most_twice_the_limit((limit, period, arrivals) in quota_and_arrivals()) {
        let cell = Cell::new(Algorithm::Sliding, Quota::from_nanos(limit, period).unwrap());
        let admissions = Admissions { limit, period, all: Vec::new() };
        let admitted = drive(cell, &mut Counter { admissions, start: None }, &arrivals)?;
        prop_assert!(most_within(&admitted, period) <= 2 * limit);
    }

    #[test]
    fn an_interval_refills_as_a_model_that_walks_from_edge_to_edge(
        (count, period, arrivals) in quota_and_arrivals(),
        burst in 1..20u64,
        is_aligned: bool,
        // Long periods are kept a little beyond their end where they go by the wall clock.
        scale in prop_oneof![Just(1), Just(5_000)],
    ) {
        let period = period * scale;
        let arrivals = arrivals.into_iter().map(|(gap, cost)| (gap * scale, cost)).collect();
        let quota = Quota::from_nanos(count, period).unwrap().with_burst(burst).unwrap();
        let epoch = Alignment::Epoch { offset_secs: 0 };
        let quota = if is_aligned { quota.with_alignment(epoch) } else { quota };
        let aligned = is_aligned.then_some(AHEAD % period);
        let mut model = Tokens { size: burst, count, period, aligned, tokens: burst, edge: None };
        let admitted = drive(Cell::new(Algorithm::Interval, quota), &mut model, &arrivals)?;
        for periods in 0..4 {
            // A stretch a nanosecond longer than so many periods touches one edge more.
            let most = burst + count * (periods + 1);
            prop_assert!(most_within(&admitted, period * periods + 1) <= most);
        }
    }

    #[test]
    fn a_charge_that_is_given_back_at_once_leaves_no_trace((limit, period, arrivals) in quota_and_arrivals(), which in 0..3usize) {
        let algorithm = [Algorithm::Interval, Algorithm::Log, Algorithm::Sliding][which];
        let mut cell = Cell::new(algorithm, Quota::from_nanos(limit, period).unwrap());
        let mut now = BEGIN;
        for (gap, cost) in arrivals {
            now += gap;
            let (other, mut charged) = (cell.clone(), cell.clone());
            if charged.take(at(now), cost) == Verdict::Allow && cost > 0 {
                let until = charged.state(at(now)).fresh_at;
                charged.give_back(at(now), at(now), until, cost);
                for later in [0, period / 2, period] {
                    prop_assert_eq!(charged.remaining(at(now + later)), other.remaining(at(now + later)));
                }
                check_instant(&charged, at(now))?;
            }
            cell.take(at(now), cost);
        }
    }

    #[test]
    fn a_charge_given_back_later_never_admits_more_than_was_promised((limit, period, arrivals) in quota_and_arrivals()) {
        // What was given back does not count as admitted.
        let mut cell = Cell::new(Algorithm::Log, Quota::from_nanos(limit, period).unwrap());
        let (mut now, mut standing, mut open) = (BEGIN, Vec::new(), Vec::new());
        for (turn, (gap, cost)) in arrivals.into_iter().enumerate() {
            now += gap;
            if cost > 0 && cell.take(at(now), cost) == Verdict::Allow {
                if turn % 3 == 0 { open.push((now, cost)) } else { standing.push((now, cost)) }
            }
            if turn % 4 == 3 && let Some((charged, units)) = open.pop() {
                cell.give_back(at(now), at(charged), Nanos::new(charged + period), units);
                cell.give_back(at(now), at(charged), Nanos::new(charged + period), 0);
            }
            check_instant(&cell, at(now))?;
            prop_assert!(most_within(&standing, period) <= limit);
        }
    }

    #[test]
    fn under_a_penalty_waits_stay_true_and_end((limit, period, arrivals) in quota_and_arrivals(), which in 0..4usize) {
        let algorithm = [Algorithm::Bucket, Algorithm::Interval, Algorithm::Log, Algorithm::Sliding][which];
        let mut cell = Cell::new(algorithm, Quota::from_nanos(limit, period).unwrap());
        let mut now = BEGIN;
        for (gap, cost) in arrivals {
            now += gap;
            let verdict = cell.take(at(now), cost);
            if let Verdict::Deny { .. } = verdict {
                let step = cell.penalize(at(now), cost);
                prop_assert!(step.verdict != Verdict::Allow, "a penalty admits nothing");
                check_wait(&cell, at(now), cost, step.verdict)?;
                check_instant(&cell, at(now))?;
                prop_assert_eq!(cell.remaining(at(now)), 0, "what was left is gone");
                // The estimate of a sliding window looks back two of them.
                let longest = if algorithm == Algorithm::Sliding { 2 * period } else { period.div_ceil(limit) * limit };
                prop_assert!(cell.passes(at(now + longest), limit), "out for longer than a quota takes to come back");
            }
        }
    }

    #[test]
    fn flapping_between_two_limits_admits_no_more_than_the_larger((limit, period, arrivals) in quota_and_arrivals(), other in 1..12u64, which in 0..2usize) {
        let algorithm = [Algorithm::Fixed, Algorithm::Log][which];
        let small = Params::new(algorithm, Quota::from_nanos(limit, period).unwrap()).unwrap();
        let large = Params::new(algorithm, Quota::from_nanos(other, period).unwrap()).unwrap();
        let mut cell = Cell::new(algorithm, Quota::from_nanos(limit, period).unwrap());
        let (mut now, mut admitted) = (BEGIN, Vec::new());
        for (turn, (gap, cost)) in arrivals.into_iter().enumerate() {
            now += gap;
            cell.params = if turn % 2 == 0 { small } else { large };
            if cell.take(at(now), cost) == Verdict::Allow {
                admitted.push((now, cost));
            }
        }
        // A fixed window promises its count in each window, so twice that across an edge.
        let windows = if algorithm == Algorithm::Fixed { 2 } else { 1 };
        prop_assert!(most_within(&admitted, period) <= windows * limit.max(other));
    }

    #[test]
    fn every_function_is_total(
        count in 0..=999_999_999_999_999u64,
        period in prop_oneof![1..1000u64, Just(1_000_000_000), Just(3_155_760_000_000_000_000)],
        (fresh_at, mark, used) in any::<(u64, u64, u64)>(),
        (monotonic, wall) in any::<(u64, u64)>(),
        (cost, until, units) in any::<(u64, u64, i64)>(),
        (is_aligned, which) in (any::<bool>(), 0..5usize),
    ) {
        let algorithm =
            [Algorithm::Interval, Algorithm::Sliding, Algorithm::Log, Algorithm::Bucket, Algorithm::Fixed][which];
        let Ok(mut quota) = Quota::from_nanos(count, period) else { return Ok(()) };
        if is_aligned {
            quota = quota.with_alignment(Alignment::Epoch { offset_secs: -3600 });
        }
        let Ok(params) = Params::new(algorithm, quota) else { return Ok(()) };
        let now = Now { monotonic: Nanos::new(monotonic), wall: Nanos::new(wall) };
        let state = State { fresh_at: Nanos::new(fresh_at), mark, used };
        for cost in [0, 1, cost, cost % count.max(1)] {
            let step = params.decide(state, now, cost);
            prop_assert_eq!(step.verdict == Verdict::TooBig, cost > count);
            let _ = params.penalize(state, now, cost);
        }
        let settled = params.settle(state, now, Nanos::new(until), units);
        for state in [state, settled] {
            prop_assert!(params.remaining(state, now) <= count);
            let _ = (params.reset_after(state, now), params.next_unit_after(state, now));
        }
        if algorithm == Algorithm::Log {
            let mut log = Log::default();
            log.charge(&params, Now { monotonic: Nanos::new(fresh_at), ..now }, cost, |_| false);
            log.charge_refused(&params, now, used, |_| false);
            log.give_back(Nanos::new(until), mark);
            let _ = (log.decide(&params, now, used, cost), log.summary(&params, now.monotonic, used));
            log.prune(&params, now);
        }
    }
}
