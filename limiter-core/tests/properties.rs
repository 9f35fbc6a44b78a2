//! What the algorithms promise, under random arrivals, costs, quotas and clocks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::{Quota as GovernorQuota, RateLimiter};
use limiter_core::algorithm::{Algorithm, Params, State, Verdict};
use limiter_core::key::{Global, Key};
use limiter_core::quota::Alignment;
use limiter_core::testing::ManualClock;
use limiter_core::time::{Nanos, Now};
use limiter_core::{Limiter, Policy, Quota, Reply, Rule, Ruling};
use proptest::prelude::*;

/// Half past one in the morning of a Wednesday, UTC.
const WALL: u64 = 1_735_689_600_000_000_000 + 5_400_000_000_000;
const START: u64 = 1_000_000_000_000;

fn at(since_start: u64) -> Now {
    Now { monotonic: Nanos::new(START + since_start), wall: Nanos::new(WALL + since_start) }
}

fn retry(verdict: Verdict) -> Option<u64> {
    match verdict {
        Verdict::Deny { retry } => retry.map(Nanos::get),
        _ => None,
    }
}

fn bucket() -> impl Strategy<Value = Params> {
    (1u64..50, 1u64..100_000_000_000, 1u64..60).prop_map(|(count, period, burst)| {
        let quota = Quota::from_nanos(count, period).unwrap().with_burst(burst).unwrap();
        Params::new(Algorithm::Bucket, quota).unwrap()
    })
}

fn first_hit() -> impl Strategy<Value = Params> {
    (1u64..50, 1u64..100_000_000_000)
        .prop_map(|(count, period)| Params::new(Algorithm::Fixed, Quota::from_nanos(count, period).unwrap()).unwrap())
}

fn aligned() -> impl Strategy<Value = Params> {
    (1u64..50, period_seconds(), -50_000i32..50_000).prop_map(|(count, seconds, offset_secs)| {
        let quota = Quota::new(count, Duration::from_secs(seconds)).unwrap();
        Params::new(Algorithm::Fixed, quota.with_alignment(Alignment::Epoch { offset_secs })).unwrap()
    })
}

/// Offsets from UTC matter to whole days alone.
fn period_seconds() -> impl Strategy<Value = u64> {
    prop_oneof![1u64..100_000, (1u64..9).prop_map(|days| days * 86_400)]
}

fn timed() -> impl Strategy<Value = Params> {
    prop_oneof![bucket(), first_hit(), aligned()]
}

fn any_params() -> impl Strategy<Value = Params> {
    prop_oneof![bucket(), first_hit(), aligned(), (1u64..50).prop_map(Params::concurrent)]
}

/// Pauses as parts of a thousandth of the time to full, and costs.
fn arrivals() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((prop_oneof![Just(0), 0u64..20, 0u64..3_000], 0u64..30), 1..120)
}

/// Nanoseconds for a pause given in thousandths of the window.
fn pause(params: &Params, thousandths: u64) -> u64 {
    let window = params.window().map_or(1_000_000, Nanos::get);
    (u128::from(window) * u128::from(thousandths) / 1_000) as u64
}

/// When which costs were admitted.
fn admitted(params: &Params, arrivals: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let (mut state, mut time, mut passed) = (State::default(), 0, Vec::new());
    for (gap, cost) in arrivals {
        time += pause(params, *gap);
        let step = params.decide(state, at(time), *cost);
        if step.verdict == Verdict::Allow && *cost > 0 {
            passed.push((time, *cost));
        }
        state = step.state;
    }
    passed
}

proptest! {
    #![proptest_config(common::config())]

    #[test]
    fn a_bucket_never_admits_more_than_burst_and_rate_in_any_stretch(
        (count, period, burst) in (1u64..50, 1u64..100_000_000_000, 1u64..60),
        arrivals in arrivals(),
    ) {
        let quota = Quota::from_nanos(count, period).unwrap().with_burst(burst).unwrap();
        let passed = admitted(&Params::new(Algorithm::Bucket, quota).unwrap(), &arrivals);
        for (first, (from, _)) in passed.iter().enumerate() {
            let mut total = 0;
            for (to, cost) in &passed[first..] {
                total += cost;
                // In exact arithmetic: burst + rate x t.
                let promised = u128::from(burst) * u128::from(period) + u128::from(to - from) * u128::from(count);
                prop_assert!(u128::from(total) * u128::from(period) <= promised, "{total} in {} ns", to - from);
            }
        }
    }

    #[test]
    fn a_first_hit_window_admits_its_count_from_the_first_request_on(params in first_hit(), arrivals in arrivals()) {
        let mut opened: Option<(u64, u64)> = None;
        for (time, cost) in admitted(&params, &arrivals) {
            opened = match opened {
                Some((from, used)) if time < from + params.period() => Some((from, used + cost)),
                _ => Some((time, cost)),
            };
            prop_assert!(opened.unwrap().1 <= params.capacity());
        }
    }

    #[test]
    fn an_aligned_window_admits_its_count_between_two_edges(
        (count, seconds, offset) in (1u64..50, period_seconds(), -50_000i32..50_000),
        arrivals in arrivals(),
    ) {
        let quota = Quota::new(count, Duration::from_secs(seconds)).unwrap();
        let quota = quota.with_alignment(Alignment::Epoch { offset_secs: offset });
        let Alignment::Epoch { offset_secs: offset } = quota.alignment() else { panic!("not aligned") };
        let params = Params::new(Algorithm::Fixed, quota).unwrap();
        let mut windows = std::collections::HashMap::new();
        for (time, cost) in admitted(&params, &arrivals) {
            let local = i128::from(WALL + time) + i128::from(offset) * 1_000_000_000;
            let used = windows.entry(local / i128::from(params.period())).or_insert(0);
            *used += cost;
            prop_assert!(*used <= count);
        }
    }

    #[test]
    fn a_concurrent_limit_never_holds_more_than_its_slots(
        limit in 1u64..20,
        steps in prop::collection::vec((any::<bool>(), 0u64..8), 1..100),
    ) {
        let params = Params::concurrent(limit);
        let (mut state, mut held) = (State::default(), Vec::new());
        for (takes, cost) in steps {
            let free = limit - held.iter().sum::<u64>();
            prop_assert_eq!(params.remaining(state, at(0)), free);
            if takes {
                let step = params.decide(state, at(0), cost);
                prop_assert_eq!(step.verdict == Verdict::Allow, cost <= free);
                prop_assert_eq!(retry(step.verdict), None);
                if step.verdict == Verdict::Allow {
                    held.push(cost);
                }
                state = step.state;
            } else if let Some(cost) = held.pop() {
                state = params.settle(state, at(0), Nanos::MAX, -(cost as i64));
            }
            prop_assert_eq!(state.is_stale(Nanos::MAX.saturating_sub(Nanos::new(1))), held.iter().sum::<u64>() == 0);
        }
    }

    #[test]
    fn a_refused_cost_passes_exactly_after_its_wait_and_not_a_nanosecond_before(
        params in timed(), arrivals in arrivals(),
    ) {
        let (mut state, mut time) = (State::default(), 0);
        for (gap, cost) in arrivals {
            time += pause(&params, gap);
            let step = params.decide(state, at(time), cost);
            if let Some(wait) = retry(step.verdict) {
                prop_assert!(wait > 0);
                prop_assert_eq!(params.decide(state, at(time + wait), cost).verdict, Verdict::Allow);
                prop_assert_ne!(params.decide(state, at(time + wait - 1), cost).verdict, Verdict::Allow);
            } else if step.verdict != Verdict::Allow {
                prop_assert!(step.verdict == Verdict::TooBig && cost > params.capacity());
            }
            state = step.state;
        }
    }

    #[test]
    fn what_is_reported_is_what_would_be_admitted_now(params in any_params(), arrivals in arrivals()) {
        let (mut state, mut time) = (State::default(), 0);
        for (gap, cost) in arrivals {
            time += pause(&params, gap);
            state = params.decide(state, at(time), cost).state;
            let left = params.remaining(state, at(time));
            let passes = |cost, time| params.decide(state, at(time), cost).verdict == Verdict::Allow;
            prop_assert!(left <= params.capacity());
            prop_assert!(passes(left, time) && !passes(left + 1, time));
            if let Some(wait) = params.next_unit_after(state, at(time)) {
                prop_assert!(params.remaining(state, at(time + wait.get())) > left);
                prop_assert_eq!(params.remaining(state, at(time + wait.get() - 1)), left);
            }
            if let Some(reset) = params.reset_after(state, at(time)) {
                prop_assert_eq!(params.remaining(state, at(time + reset.get())), params.capacity());
                prop_assert_eq!(params.next_unit_after(state, at(time + reset.get())), None);
            }
        }
    }

    #[test]
    fn a_refused_cost_and_a_question_change_nothing(params in any_params(), arrivals in arrivals()) {
        let (mut state, mut time) = (State::default(), 0);
        for (gap, cost) in arrivals {
            time += pause(&params, gap);
            let step = params.decide(state, at(time), cost);
            if step.verdict != Verdict::Allow || cost == 0 {
                prop_assert_eq!(step.state, state);
            }
            state = step.state;
        }
    }

    #[test]
    fn a_stale_state_is_as_good_as_none(params in timed(), arrivals in arrivals(), asked in 0u64..60) {
        let (mut state, mut time) = (State::default(), 0);
        for (gap, cost) in arrivals {
            time += pause(&params, gap);
            if state.is_stale(at(time).monotonic) {
                let (kept, fresh) = (params.decide(state, at(time), asked), params.decide(State::default(), at(time), asked));
                prop_assert_eq!(kept.verdict, fresh.verdict);
                prop_assert_eq!(params.remaining(kept.state, at(time)), params.remaining(fresh.state, at(time)));
            }
            state = params.decide(state, at(time), cost).state;
        }
    }

    /// Requests of which some are undone later never make room for more than if those had never been made.
    #[test]
    fn a_refund_never_makes_more_room_than_the_request_took(
        params in prop_oneof![bucket(), first_hit(), aligned()],
        steps in prop::collection::vec((prop_oneof![Just(0), 0u64..20, 0u64..1_500], 1u64..30, any::<bool>(), any::<bool>()), 1..80),
    ) {
        let (mut state, mut time) = (State::default(), 0);
        // The same history without the requests that are undone.
        let mut kept = State::default();
        let mut open = Vec::new();
        for (gap, cost, undo, settles) in steps {
            time += pause(&params, gap);
            if settles && let Some((until, cost)) = open.pop() {
                state = params.settle(state, at(time), until, -(cost as i64));
            }
            let step = params.decide(state, at(time), cost);
            if step.verdict == Verdict::Allow {
                if undo {
                    open.push((step.state.fresh_at, cost));
                } else {
                    let same = params.decide(kept, at(time), cost);
                    // First-hit windows may lie elsewhere without the undone request that opened one.
                    if params.algorithm() == Algorithm::Bucket || params.needs_wall() {
                        prop_assert_eq!(same.verdict, Verdict::Allow, "the refunds let through what never fitted");
                    }
                    kept = same.state;
                }
            }
            state = step.state;
            prop_assert!(params.remaining(state, at(time)) <= params.capacity());
        }
    }

    #[test]
    fn a_charge_given_back_at_once_was_never_made(params in any_params(), before in 0u64..50, cost in 0u64..50, wait in 0u64..900) {
        let state = params.decide(State::default(), at(0), before).state;
        let now = at(pause(&params, wait));
        let step = params.decide(state, now, cost);
        if step.verdict == Verdict::Allow {
            let back = params.settle(step.state, now, step.state.fresh_at, -(cost as i64));
            prop_assert_eq!(params.remaining(back, now), params.remaining(state, now));
        }
    }

    #[test]
    fn a_changed_quota_keeps_the_used_part(used in 0u64..40, old in 1u64..40, new in 1u64..40) {
        let params = |count| {
            let quota = Quota::per_minute(count);
            [Params::new(Algorithm::Bucket, quota).unwrap(), Params::new(Algorithm::Fixed, quota).unwrap(), Params::concurrent(count)]
        };
        let used = used.min(old);
        for (old, new_params) in params(old).into_iter().zip(params(new)) {
            let state = old.decide(State::default(), at(0), used).state;
            let left = new_params.remaining(state, at(0));
            if old.algorithm() == Algorithm::Bucket {
                // A bucket's debt is a time: used parts of the minute stay used.
                let debt = state.fresh_at.get().saturating_sub(START);
                let interval = 60_000_000_000u64.div_ceil(new);
                prop_assert_eq!(left, (new * interval).saturating_sub(debt) / interval);
            } else {
                prop_assert_eq!(left, new.saturating_sub(used));
            }
            if used > 0 {
                prop_assert!(left < new, "the change made a fresh key");
            }
        }
    }

    #[test]
    fn nothing_panics_or_overflows_on_extreme_values(
        count in extreme(), period in extreme(), burst in extreme(),
        (fresh_at, mark, used) in (extreme(), extreme(), extreme()),
        (monotonic, wall, cost, until) in (extreme(), extreme(), extreme(), extreme()),
        (units, offset_secs) in (prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>()], prop_oneof![Just(i32::MIN), Just(i32::MAX), any::<i32>()]),
    ) {
        let state = State { fresh_at: Nanos::new(fresh_at), mark, used };
        let now = Now { monotonic: Nanos::new(monotonic), wall: Nanos::new(wall) };
        let mut all = vec![Params::concurrent(count)];
        if let Ok(quota) = Quota::from_nanos(count, period) {
            all.extend(Params::new(Algorithm::Fixed, quota));
            all.extend(Params::new(Algorithm::Fixed, quota.with_alignment(Alignment::Epoch { offset_secs })));
            all.extend(quota.with_burst(burst).ok().and_then(|quota| Params::new(Algorithm::Bucket, quota).ok()));
        }
        for params in all {
            let step = params.decide(state, now, cost);
            let settled = params.settle(step.state, now, Nanos::new(until), units);
            for state in [state, step.state, settled] {
                prop_assert!(params.remaining(state, now) <= params.capacity());
                let _ = (params.reset_after(state, now), params.next_unit_after(state, now), params.window());
            }
        }
    }

    /// A second implementation of the same bucket, where it is right: whole nanoseconds, cost 1.
    #[test]
    fn a_bucket_decides_as_governor_does(
        interval in 1u64..10_000_000_000, burst in 1u32..50,
        gaps in prop::collection::vec(prop_oneof![Just(0), 0u64..3_000], 1..150),
        costs in prop::collection::vec(1u32..8, 150),
    ) {
        let quota = Quota::from_nanos(1, interval).unwrap().with_burst(u64::from(burst)).unwrap();
        let params = Params::new(Algorithm::Bucket, quota).unwrap();
        let clock = FakeRelativeClock::default();
        let oracle_quota = GovernorQuota::with_period(Duration::from_nanos(interval)).unwrap();
        let oracle_quota = oracle_quota.allow_burst(NonZeroU32::new(burst).unwrap());
        let oracle = RateLimiter::direct_with_clock(oracle_quota, clock.clone());
        let (mut state, mut time) = (State::default(), 0);
        for (gap, cost) in gaps.into_iter().zip(costs) {
            let gap = gap * (interval / 1_000 + 1);
            time += gap;
            clock.advance(Duration::from_nanos(gap));
            let cost = cost.min(burst);
            let step = params.decide(state, at(time), u64::from(cost));
            let theirs = oracle.check_n(NonZeroU32::new(cost).unwrap()).unwrap();
            prop_assert_eq!(step.verdict == Verdict::Allow, theirs.is_ok());
            if let Err(not_until) = theirs {
                use governor::clock::Clock as _;
                let wait = not_until.wait_time_from(clock.now()).as_nanos() as u64;
                prop_assert_eq!(retry(step.verdict), Some(wait));
            }
            state = step.state;
        }
    }
}

fn extreme() -> impl Strategy<Value = u64> {
    let edges = [0, 1, 2, 999, 1_000_000_000, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    prop_oneof![prop::sample::select(edges.to_vec()), any::<u64>()]
}

fn limiter(clock: &ManualClock) -> Limiter {
    Limiter::builder().clock(clock.clone()).build()
}

fn policy(quota: &str, algorithm: Algorithm) -> Policy {
    Policy::new("steps", [Rule::new(quota.parse().unwrap()).algorithm(algorithm).key(Global)]).unwrap()
}

fn admits(limiter: &Limiter, policy: &Policy, most: usize) -> usize {
    (0..most).filter(|_| limiter.check(policy, &Key::everyone()).is_allowed()).count()
}

const HOUR: Duration = Duration::from_secs(3_600);
const KINDS: [(&str, Algorithm); 3] =
    [("10/h", Algorithm::Bucket), ("10/h", Algorithm::Fixed), ("10/h aligned utc", Algorithm::Fixed)];

#[test]
fn a_clock_that_steps_back_neither_refills_nor_punishes() {
    for (quota, algorithm) in KINDS {
        for step in [1, 59, 1_800, 3_600, 5_000, 86_400] {
            let clock = ManualClock::new();
            let (limiter, policy) = (limiter(&clock), policy(quota, algorithm));
            clock.advance(HOUR / 4);
            assert_eq!(admits(&limiter, &policy, 20), 10);
            let told = limiter.peek(&policy, &Key::everyone(), 1).retry_after().unwrap();
            clock.step_back(Duration::from_secs(step));
            assert_eq!(admits(&limiter, &policy, 20), 0, "{quota} {algorithm}: refilled by a step of {step} s");
            clock.advance(told - Duration::from_secs(1));
            assert_eq!(admits(&limiter, &policy, 20), 0, "{quota} {algorithm}: too early after a step of {step} s");
            // A thousandth of the period covers what two clocks drift apart.
            clock.advance(Duration::from_secs(1) + HOUR / 1_000);
            assert!(admits(&limiter, &policy, 1) == 1, "{quota} {algorithm}: punished for a step of {step} s");
        }
    }
}

#[test]
fn a_wall_clock_set_an_hour_back_and_forth_does_not_refill_an_aligned_window_again_and_again() {
    let clock = ManualClock::at_unix(Duration::from_nanos(WALL));
    let (limiter, policy) = (limiter(&clock), policy("10/h aligned utc", Algorithm::Fixed));
    assert_eq!(admits(&limiter, &policy, 20), 10);
    let wall = Duration::from_nanos(WALL);
    clock.set_wall(wall + HOUR);
    assert_eq!(admits(&limiter, &policy, 20), 10, "the next window has come, by the clock that defines it");
    for _ in 0..5 {
        clock.set_wall(wall);
        assert_eq!(admits(&limiter, &policy, 20), 0, "stepping back refilled");
        clock.set_wall(wall + HOUR);
        assert_eq!(admits(&limiter, &policy, 20), 0, "coming back refilled");
    }
}

#[test]
fn a_wall_clock_that_runs_slow_or_fast_does_not_open_an_aligned_window_twice() {
    for slow in [true, false] {
        let clock = ManualClock::at_unix(Duration::from_nanos(WALL));
        let (limiter, policy) = (limiter(&clock), policy("10/h aligned utc", Algorithm::Fixed));
        assert_eq!(admits(&limiter, &policy, 20), 10);
        // Half an hour to the edge, in which the two clocks drift a tenth of a second apart.
        let mut wall = Duration::from_nanos(WALL);
        let mut admitted = 0;
        for _ in 0..1_000 {
            clock.advance(Duration::from_micros(if slow { 1_800_100 } else { 1_799_900 }));
            wall += Duration::from_millis(1_800);
            clock.set_wall(wall - Duration::from_millis(1));
            admitted += admits(&limiter, &policy, 1);
        }
        assert_eq!(admitted, 0, "admitted in a spent window, on a slow wall clock: {slow}");
        clock.set_wall(wall);
        assert_eq!(admits(&limiter, &policy, 20), 10);
    }
}

#[test]
fn quotas_other_than_per_time_are_not_moved_by_the_wall_clock() {
    for (quota, algorithm) in &KINDS[..2] {
        let clock = ManualClock::new();
        let (limiter, policy) = (limiter(&clock), policy(quota, *algorithm));
        assert_eq!(admits(&limiter, &policy, 20), 10);
        clock.set_wall(Duration::from_secs(4_000_000_000));
        assert_eq!(admits(&limiter, &policy, 20), 0);
        clock.set_wall(Duration::ZERO);
        assert_eq!(admits(&limiter, &policy, 20), 0);
    }
}

#[test]
fn requests_held_open_cannot_be_saved_up_and_spent_at_once() {
    let clock = ManualClock::new();
    let (limiter, policy) = (limiter(&clock), policy("10/s", Algorithm::Bucket));
    let take = || match limiter.decide_key(&policy, &Key::everyone(), 10) {
        Reply::Now(ruling) => ruling,
        Reply::Later(_) => panic!("memory answers at once"),
    };
    let parked: Vec<Ruling> = (0..50)
        .map(|_| {
            let ruling = take();
            assert!(ruling.decision.is_allowed());
            clock.advance(Duration::from_secs(1));
            ruling
        })
        .collect();
    let mut at_once = 0;
    for ruling in parked {
        limiter.refund(ruling.receipt);
        at_once += admits(&limiter, &policy, 20);
    }
    assert_eq!(at_once, 10, "refunds of what had refilled were paid out again");
}
