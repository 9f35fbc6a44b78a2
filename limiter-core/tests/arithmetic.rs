//! Numbers at which other limiters went wrong: each has to come out right here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use limiter_core::algorithm::{Params, State, Verdict};
use limiter_core::key::{Global, Key};
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Decide, Item, Mode, Subject};
use limiter_core::testing::ManualClock;
use limiter_core::time::{Nanos, Now};
use limiter_core::{Algorithm, AtCeiling, Decision, Limiter, Outcome, Policy, Quota, Rule};

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    limiter: Limiter,
    policy: Policy,
    clock: ManualClock,
}

impl Bench {
    fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self::with_ceiling(limiter_core::store::memory::DEFAULT_CEILING, rules)
    }

    fn with_ceiling(keys: usize, rules: impl IntoIterator<Item = Rule>) -> Self {
        let clock = ManualClock::new();
        let limiter = Limiter::builder().clock(clock.clone()).memory(MemoryStore::with_ceiling(keys)).build();
        Bench { limiter, policy: Policy::new("arithmetic", rules).unwrap(), clock }
    }

    fn ask(&self, key: u64, cost: u64) -> Decision {
        self.limiter.check_cost(&self.policy, &Key::from(key), cost)
    }

    fn admits(&self, key: u64, most: usize) -> usize {
        (0..most).filter(|_| self.ask(key, 1).is_allowed()).count()
    }
}

fn rule(quota: &str) -> Rule {
    Rule::new(quota.parse().unwrap()).key(Global)
}

fn fixed(quota: &str) -> Rule {
    rule(quota).algorithm(Algorithm::Fixed)
}

#[test]
fn a_cost_far_above_the_capacity_never_fits_whatever_the_algorithm() {
    let rules = [rule("10/s"), rule("1/h burst 2"), fixed("10/h"), fixed("10/h aligned utc"), Rule::concurrent(4)];
    for rule in rules {
        let bench = Bench::new([rule]);
        for cost in [100, u64::from(u32::MAX), u64::MAX] {
            let decision = bench.ask(1, cost);
            assert!(!decision.is_allowed());
            assert_eq!(decision.usages()[0].outcome(), Outcome::NeverFits);
            assert_eq!(decision.retry_after(), None, "no wait makes it fit");
        }
        assert!(bench.ask(1, 1).is_allowed(), "a refused cost was charged");
    }
}

#[test]
fn a_cost_whose_product_with_the_interval_wraps_is_refused() {
    // 5,124,097 hours in nanoseconds are a little more than 2^64.
    let bench = Bench::new([rule("1/h burst 2")]);
    assert_eq!(bench.ask(1, 5_124_097).usages()[0].outcome(), Outcome::NeverFits);
    assert_eq!(bench.admits(1, 5), 2);
    assert_eq!(bench.ask(1, 2).retry_after(), Some(Duration::from_secs(7_200)));
}

#[test]
fn a_burst_that_takes_more_than_a_century_to_fill_is_refused_with_that_reason() {
    for quota in ["1/week burst 1000000", "1/day burst 213505", "1/day burst 36526"] {
        let error = quota.parse::<Quota>().unwrap_err().to_string();
        assert!(error.contains("100 years"), "{quota}: {error}");
    }
}

#[test]
fn the_largest_burst_of_a_slow_quota_admits_exactly_itself() {
    let bench = Bench::new([rule("1/day burst 36525")]);
    assert_eq!(bench.admits(1, 40_000), 36_525);
    assert_eq!(bench.ask(1, 36_525).retry_after(), Some(Duration::from_secs(36_525 * 86_400)));
    bench.clock.advance(Duration::from_secs(86_400 * 3));
    assert_eq!(bench.admits(1, 10), 3);
}

#[test]
fn seven_a_second_rounds_against_the_caller_and_never_admits_an_eighth() {
    let bench = Bench::new([rule("7/s burst 1")]);
    let mut admitted = 0;
    // A thousand seconds in steps of a thousandth: 7,000 are promised, and the first one.
    for _ in 0..100_000 {
        admitted += bench.admits(1, 1);
        bench.clock.advance(Duration::from_millis(10));
    }
    assert!(admitted <= 7_001);
    let exact = Bench::new([rule("7/s burst 1")]);
    assert!(exact.ask(1, 1).is_allowed());
    assert_eq!(exact.ask(1, 1).retry_after(), Some(Duration::from_nanos(142_857_143)));
}

#[test]
fn waits_below_a_second_and_between_two_are_told_to_the_nanosecond() {
    for (quota, wait) in [("5/2s burst 1", 400), ("10/19s burst 1", 1_900)] {
        let bench = Bench::new([rule(quota)]);
        assert!(bench.ask(1, 1).is_allowed());
        assert_eq!(bench.ask(1, 1).retry_after(), Some(Duration::from_millis(wait)));
        bench.clock.advance(Duration::from_millis(wait) - Duration::from_nanos(1));
        assert_eq!(bench.ask(1, 1).retry_after(), Some(Duration::from_nanos(1)));
        bench.clock.advance(Duration::from_nanos(1));
        assert!(bench.ask(1, 1).is_allowed());
    }
}

#[test]
fn a_key_that_is_idle_but_not_yet_forgotten_admits_its_burst_and_not_one_more() {
    for idle in [0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, 5_000_000_000, 3_600_000_000_000] {
        let bench = Bench::new([rule("10/s")]);
        assert_eq!(bench.admits(1, 20), 10);
        bench.clock.advance(Duration::from_nanos(idle));
        let expected = (idle / 100_000_000).min(10) as usize;
        assert_eq!(bench.admits(1, 30), expected, "after {idle} ns");
        assert_eq!(bench.limiter.memory().unwrap().stats().pruned, 0, "the cell was forgotten before it was asked");
    }
}

#[test]
fn a_key_at_the_end_of_its_life_does_not_get_two_bursts() {
    let bench = Bench::new([rule("10/s")]);
    let mut admitted = bench.admits(1, 1);
    // One nanosecond before the cell says that it is as good as none, and at it.
    bench.clock.advance(Duration::from_nanos(99_999_999));
    admitted += bench.admits(1, 20);
    bench.clock.advance(Duration::from_nanos(1));
    admitted += bench.admits(1, 20);
    assert_eq!(admitted, 11, "ten, and what came back in a tenth of a second");
}

#[test]
fn sixty_a_minute_asked_steadily_admits_what_each_algorithm_says() {
    for (algorithm, expected) in [(Algorithm::Bucket, 119), (Algorithm::Fixed, 60)] {
        let bench = Bench::new([rule("60/min").algorithm(algorithm)]);
        let mut admitted = 0;
        for _ in 0..600 {
            admitted += bench.admits(1, 1);
            bench.clock.advance(SECOND / 10);
        }
        assert_eq!(admitted, expected, "{algorithm}");
    }
}

#[test]
fn a_window_is_not_cut_short_by_whole_seconds() {
    let bench = Bench::new([fixed("3/5s")]);
    bench.clock.advance(Duration::from_millis(900));
    assert_eq!(bench.admits(1, 5), 3);
    bench.clock.advance(Duration::from_millis(4_100));
    assert_eq!(bench.admits(1, 5), 0);
    bench.clock.advance(Duration::from_millis(900));
    assert_eq!(bench.admits(1, 5), 3);
}

#[test]
fn a_window_refuses_a_cost_without_charging_it() {
    let bench = Bench::new([fixed("6/min")]);
    assert!(bench.ask(1, 2).is_allowed());
    assert!(!bench.ask(1, 5).is_allowed());
    assert!(bench.ask(1, 2).is_allowed());
    assert!(bench.ask(1, 2).is_allowed());
    assert!(!bench.ask(1, 1).is_allowed());
}

#[test]
fn a_refused_cost_weighs_neither_on_this_window_nor_on_the_next() {
    for rule in [rule("5/min"), fixed("5/min"), fixed("5/min aligned utc")] {
        let bench = Bench::new([rule]);
        assert!(bench.ask(1, 4).is_allowed());
        for cost in [10, 2] {
            assert!(!bench.ask(1, cost).is_allowed());
        }
        assert_eq!(bench.limiter.peek(&bench.policy, &Key::from(1u64), 0).usages()[0].remaining(), 1);
        bench.clock.advance(Duration::from_secs(60));
        assert!(bench.ask(1, 5).is_allowed());
    }
}

#[test]
fn when_the_second_of_two_rules_refuses_the_first_is_not_charged() {
    let bench = Bench::new([rule("100/min").named("wide"), rule("2/min").named("narrow")]);
    assert_eq!(bench.admits(1, 50), 2);
    let decision = bench.ask(1, 1);
    assert_eq!(decision.usages()[0].remaining(), 98);
    assert_eq!(decision.violated().map(|usage| usage.name()).collect::<Vec<_>>(), ["narrow"]);
    assert_eq!(decision.retry_after(), Some(Duration::from_secs(30)));
}

#[test]
fn two_rules_of_one_scope_are_charged_one_after_the_other_on_one_budget() {
    let bench = Bench::new([rule("5/min").scope("one").named("a"), rule("5/min").scope("one").named("b")]);
    let first = bench.ask(1, 2);
    assert!(first.is_allowed());
    assert!(first.usages().iter().all(|usage| usage.remaining() == 1), "{first:?}");
    let second = bench.ask(1, 1);
    assert!(!second.is_allowed(), "two units of the one that is left");
    assert!(second.usages().iter().all(|usage| usage.remaining() == 1), "{second:?}");
    let peeked = bench.limiter.peek(&bench.policy, &Key::from(1u64), 1);
    assert!(!peeked.is_allowed(), "a question is answered as the request would be");
}

#[test]
fn a_spent_key_stays_spent_while_a_thousand_other_keys_come_and_go() {
    let bench = Bench::new([rule("5/h")]);
    assert_eq!(bench.admits(7, 10), 5);
    for other in 100..2_000 {
        assert!(bench.ask(other, 1).is_allowed());
    }
    assert_eq!(bench.admits(7, 10), 0);
}

#[test]
fn a_spent_key_that_keeps_trying_stays_spent_while_a_flood_fills_the_table() {
    for at_ceiling in [AtCeiling::Evict, AtCeiling::Overflow, AtCeiling::Refuse] {
        for algorithm in [Algorithm::Bucket, Algorithm::Fixed] {
            let bench = Bench::with_ceiling(1_000, [rule("20/h").algorithm(algorithm).at_ceiling(at_ceiling)]);
            assert_eq!(bench.admits(7, 30), 20);
            // Its window is older than those of the flood, and so ends before them.
            bench.clock.advance(SECOND);
            for other in 100..20_000u64 {
                let _ = bench.ask(other, 1);
                assert!(!bench.ask(7, 1).is_allowed(), "{algorithm} {at_ceiling:?}: free again after {other}");
            }
            let stats = bench.limiter.memory().unwrap().stats();
            assert!(stats.keys <= bench.limiter.memory().unwrap().ceiling(), "{stats:?}");
            assert!(stats.evicted + stats.shared + stats.turned_away > 10_000, "{stats:?}");
        }
    }
}

#[test]
fn a_request_never_gives_up_a_cell_that_it_uses_itself() {
    // Room for two keys: the second rule's cell is the only other one, and nearest to idle.
    let rules = [
        rule("60/min").named("a").scope("a").key(limiter_core::key::Ip::new()),
        rule("60/h").named("b").scope("b").key(limiter_core::key::Ip::new()),
    ];
    let bench = Bench::with_ceiling(2, rules);
    for key in 0..200 {
        let _ = bench.ask(key % 7, 1);
        let store = bench.limiter.memory().unwrap();
        assert!(store.stats().keys <= store.ceiling(), "{:?}", store.stats());
    }
}

#[test]
fn a_new_rules_cell_is_not_made_at_the_cost_of_the_next_rules_cell() {
    let params = Params::new(Algorithm::Bucket, Quota::per_hour(10)).unwrap();
    let item = |fingerprint, cost| Item {
        budget: 1,
        subject: Subject::Local(fingerprint),
        params,
        cost,
        mode: Mode::Charge,
        at_ceiling: AtCeiling::Evict,
        settles: false,
    };
    let store = MemoryStore::with_ceiling(2);
    let now = Now { monotonic: Nanos::new(1_000_000_000), wall: Nanos::ZERO };
    let decide = |items: &[Item]| store.decide(&Decide { now, items: items.iter().cloned().collect() });
    let _ = decide(&[item(1, 1), item(2, 5)]);
    // The cell nearest to idle is that of key 1, which this request needs itself.
    let decided = decide(&[item(3, 1), item(1, 1)]);
    assert!(decided.allowed);
    let stats = store.stats();
    assert_eq!((stats.keys, stats.evicted), (2, 1), "{stats:?}");
    let left: Vec<u64> = decided.items.iter().map(|reply| params.remaining(reply.state, now)).collect();
    assert_eq!(left, [9, 8]);
    assert_eq!(params.remaining(decide(&[item(1, 0)]).items[0].state, now), 8, "the cell was given up");
}

#[test]
fn what_two_rules_of_one_scope_took_is_not_given_back_twice() {
    let bench =
        Bench::new([rule("1/s burst 10").scope("one").named("a"), rule("1/s burst 10").scope("one").named("b")]);
    let alone = Policy::new("alone", [rule("1/s burst 10").scope("one")]).unwrap();
    let key = Key::from(1u64);
    let limiter_core::Reply::Now(ruling) = bench.limiter.decide_key(&bench.policy, &key, 3) else {
        panic!("memory answers at once");
    };
    // Six were taken and four have come back by themselves: two are left to be given back.
    bench.clock.advance(4 * SECOND);
    assert!(bench.limiter.check_cost(&alone, &key, 8).is_allowed());
    bench.limiter.refund(ruling.receipt);
    assert_eq!(bench.limiter.peek(&alone, &key, 0).usages()[0].remaining(), 2);
}

#[test]
fn a_question_at_the_ceiling_is_answered_as_the_request_would_be() {
    let bench = Bench::with_ceiling(8, [rule("5/h").at_ceiling(AtCeiling::Refuse)]);
    assert!((0..8).all(|key| bench.ask(key, 1).is_allowed()));
    let peeked = bench.limiter.peek(&bench.policy, &Key::from(99u64), 1);
    let asked = bench.ask(99, 1);
    assert_eq!(peeked.usages()[0].outcome(), Outcome::NoRoom);
    assert_eq!(asked.usages()[0].outcome(), Outcome::NoRoom);
    assert_eq!(asked.usages()[0].remaining(), 0, "what is admitted now is nothing");
    let wait = asked.retry_after().unwrap();
    bench.clock.advance(wait - Duration::from_nanos(1));
    assert!(!bench.ask(99, 1).is_allowed());
    bench.clock.advance(Duration::from_nanos(1));
    assert!(bench.ask(99, 1).is_allowed());
}

#[test]
fn a_reset_does_not_free_slots_that_are_held() {
    let bench = Bench::new([Rule::concurrent(1)]);
    let limiter_core::Reply::Now(held) = bench.limiter.decide_key(&bench.policy, &Key::everyone(), 1) else {
        panic!("memory answers at once");
    };
    bench.limiter.reset(&bench.policy, &Key::everyone()).unwrap();
    assert!(!bench.limiter.check(&bench.policy, &Key::everyone()).is_allowed(), "two hold one slot");
    drop(held);
    assert!(bench.limiter.check(&bench.policy, &Key::everyone()).is_allowed());
}

#[test]
fn a_quota_changed_after_a_long_time_does_not_lock_anybody_out() {
    let hours = |hours: u64| Now { monotonic: Nanos::new(hours * 3_600_000_000_000), wall: Nanos::ZERO };
    let bucket = |quota: &str| Params::new(Algorithm::Bucket, quota.parse().unwrap()).unwrap();
    let state = bucket("10/min").decide(State::default(), hours(1_000), 10).state;
    // A minute of debt is a minute of debt under any quota.
    for quota in ["20/min", "1/s burst 60", "1000/h", "1/min burst 10"] {
        let params = bucket(quota);
        let Verdict::Deny { retry: Some(wait) } = params.decide(state, hours(1_000), params.capacity()).verdict else {
            panic!("{quota}: the used part was forgotten");
        };
        assert!(wait <= Nanos::new(60_000_000_000), "{quota}: {wait:?}");
    }
}
