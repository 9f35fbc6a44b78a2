use super::*;

const MS: u64 = 1_000_000;

fn ms(millis: u64) -> Nanos {
    Nanos::new(millis * MS)
}

fn report(remaining: u64, seconds: impl Into<Option<u64>>, quota: impl Into<Option<(u64, u64)>>) -> Report {
    let quota = quota.into();
    Report {
        name: String::new(),
        remaining,
        seconds: seconds.into(),
        meaning: Meaning::Pace,
        limit: quota.map(|(limit, _)| limit),
        window: quota.map(|(_, window)| window),
    }
}

fn at(millis: u64) -> Heard {
    Heard { sent: ms(millis), now: ms(millis), before: millis, index: millis + 1, under_way: 0, refused: false }
}

/// A request sent and answered at once.
fn exchange(budget: &mut Budget, millis: u64, report: &Report) {
    assert_eq!(budget.turn(ms(millis), 0), Turn::Now, "at {millis} ms");
    budget.take(ms(millis));
    budget.hear(report, at(millis));
}

#[test]
fn what_is_left_may_go_at_once_and_then_the_announced_time_is_waited_for() {
    let mut budget = Budget::first(&report(3, 20, None), at(0));
    for _ in 0..3 {
        assert_eq!(budget.turn(ms(0), 0), Turn::Now);
        budget.take(ms(0));
    }
    assert_eq!(budget.turn(ms(0), 0), Turn::Later { at: ms(20_000), soonest: ms(20_000) });
    assert_eq!(budget.turn(ms(19_999), 0), Turn::Later { at: ms(20_000), soonest: ms(20_000) });
    assert_eq!(budget.turn(ms(20_000), 0), Turn::Now);
}

#[test]
fn after_the_announced_time_one_goes_ahead_and_its_answer_opens_the_rest() {
    let quota = Some((100, 10));
    let mut budget = Budget::first(&report(0, 7, quota), at(0));
    assert_eq!(budget.turn(ms(7_000), 0), Turn::Now);
    // The second waits, but an answer may let it go at any time.
    assert_eq!(budget.turn(ms(7_000), 1), Turn::Later { at: ms(14_000), soonest: ms(7_000) });
    exchange(&mut budget, 7_000, &report(99, 10, quota));
    assert_eq!(budget.units(ms(7_000)), 99);
}

#[test]
fn requests_under_way_count_as_spent() {
    let heard = Heard { under_way: 7, ..at(0) };
    let mut budget = Budget::first(&report(10, 60, None), heard);
    assert_eq!(budget.units(ms(0)), 3);
    let mut budget = Budget::first(&report(5, 60, None), heard);
    assert_eq!(budget.units(ms(0)), 0);
}

#[test]
fn answers_in_any_order_leave_the_same_behind() {
    // Three requests leave at once from ten; the server's counts come back in every order.
    for order in [[9, 8, 7], [9, 7, 8], [8, 9, 7], [8, 7, 9], [7, 9, 8], [7, 8, 9]] {
        let mut budget = Budget::first(&report(10, 60, None), at(0));
        for _ in 0..3 {
            budget.take(ms(1));
        }
        for (index, remaining) in (2..).zip(order) {
            let heard = Heard { sent: ms(1), now: ms(2), before: 1, index, under_way: 4 - index, refused: false };
            budget.hear(&report(remaining, 60, None), heard);
        }
        assert_eq!(budget.units(ms(2)), 7, "{order:?}");
    }
}

#[test]
fn when_all_answers_are_in_nothing_counts_as_spent_that_is_not() {
    // Units came back meanwhile, which nothing but the answers can tell.
    let mut budget = Budget::first(&report(3, 60, None), at(0));
    for _ in 0..3 {
        budget.take(ms(1));
    }
    for (index, remaining) in [(2, 12), (3, 10), (4, 11)] {
        let heard = Heard { sent: ms(1), now: ms(2), before: 1, index, under_way: 4 - index, refused: false };
        budget.hear(&report(remaining, 60, None), heard);
    }
    assert_eq!(budget.units(ms(2)), 10);
    // An answer without a word about this quota may have been the last that was counted.
    let heard = Heard { sent: ms(3), now: ms(4), before: 4, index: 6, under_way: 0, refused: false };
    budget.take(ms(3));
    budget.take(ms(3));
    budget.hear(&report(20, 60, None), heard);
    assert_eq!(budget.units(ms(4)), 19);
}

#[test]
fn a_quota_that_others_use_too_is_corrected_downwards() {
    let mut budget = Budget::first(&report(50, 60, None), at(0));
    exchange(&mut budget, 100, &report(3, 60, None));
    assert_eq!(budget.units(ms(100)), 3);
}

#[test]
fn an_overtaken_answer_is_not_believed_unless_it_is_a_refusal() {
    let mut budget = Budget::first(&report(50, 60, None), at(100));
    let late = Heard { sent: ms(50), now: ms(200), ..at(100) };
    budget.hear(&report(0, 60, None), late);
    assert_eq!(budget.units(ms(200)), 50);
    budget.hear(&report(0, 60, None), Heard { refused: true, ..late });
    assert_eq!(budget.units(ms(200)), 0);
}

#[test]
fn a_bucket_shows_by_its_time_and_is_then_followed_unit_by_unit() {
    let quota = Some((100, 10));
    let mut budget = Budget::first(&report(99, 10, quota), at(0));
    for left in (0..99).rev() {
        let seconds = (left * 100_u64).div_ceil(1000).max(1);
        exchange(&mut budget, 1, &report(left, seconds, quota));
    }
    let Turn::Later { at: first, soonest } = budget.turn(ms(1), 0) else { panic!("nothing is left") };
    assert_eq!(first, soonest, "no answer can change it");
    assert!(first > ms(100) && first < ms(102), "{first:?}");
    let Turn::Later { at: tenth, .. } = budget.turn(ms(1), 9) else { panic!("nothing is left") };
    assert!(tenth > ms(1_001) && tenth < ms(1_003), "{tenth:?}");
}

#[test]
fn a_bucket_shows_by_a_unit_that_came_back() {
    let quota = Some((20, 2));
    let mut budget = Budget::first(&report(19, 2, quota), at(0));
    exchange(&mut budget, 100, &report(19, 2, quota));
    assert_eq!(budget.kind, Kind::Refilling);
}

#[test]
fn a_unit_that_came_back_shows_nothing_once_a_window_has_passed() {
    // A log would do the same.
    let quota = Some((20, 20));
    let mut budget = Budget::first(&report(10, 10, quota), at(0));
    exchange(&mut budget, 21_000, &report(5, 6, quota));
    exchange(&mut budget, 21_100, &report(5, 6, quota));
    assert_eq!(budget.kind, Kind::Open);
}

#[test]
fn units_that_came_back_with_a_new_window_show_nothing() {
    let quota = Some((2, 4));
    let mut budget = Budget::first(&report(1, 2, quota), at(0));
    exchange(&mut budget, 1_500, &report(1, 4, quota));
    assert_eq!(budget.kind, Kind::Open);
}

#[test]
fn a_window_never_looks_like_a_bucket() {
    let quota = Some((100, 10));
    let mut budget = Budget::first(&report(99, 10, quota), at(0));
    for left in (0..99).rev() {
        let now = (99 - left) * 20;
        exchange(&mut budget, now, &report(left, (10_000 - now).div_ceil(1000), quota));
    }
    // The end is known better than to a second, because it was announced again and again.
    let Turn::Later { at, .. } = budget.turn(ms(1_980), 0) else { panic!("nothing is left") };
    assert!(at >= ms(10_000) && at <= ms(10_020), "{at:?}");
}

#[test]
fn a_refusal_ends_the_belief_in_a_bucket() {
    let quota = Some((5, 5));
    let mut budget = Budget::first(&report(4, 4, quota), at(0));
    for left in (0..4).rev() {
        exchange(&mut budget, 1, &report(left, left.max(1), quota));
    }
    assert!(matches!(budget.turn(ms(1), 0), Turn::Later { at, .. } if at < ms(1_100)));
    budget.hear(&report(0, 1, quota), Heard { refused: true, ..at(1_010) });
    assert_eq!(budget.turn(ms(1_010), 0), Turn::Later { at: ms(2_010), soonest: ms(2_010) });
}

#[test]
fn a_spent_quota_left_alone_for_its_window_is_whole_again() {
    let mut budget = Budget::first(&report(0, 1, Some((10, 1))), at(0));
    assert_eq!(budget.units(ms(999)), 0);
    assert_eq!(budget.units(ms(1_000)), 10);
}

#[test]
fn another_quota_under_the_same_name_is_learnt_anew() {
    let mut budget = Budget::first(&report(4, 4, Some((5, 5))), at(0));
    exchange(&mut budget, 1, &report(900, 9, Some((1000, 10))));
    assert_eq!(budget.units(ms(1)), 900);
    exchange(&mut budget, 2, &report(1, 4, Some((5, 5))));
    assert_eq!(budget.units(ms(2)), 1);
}

#[test]
fn hostile_numbers_neither_overflow_nor_wait_for_ever() {
    for seconds in [None, Some(0), Some(1), Some(u64::MAX)] {
        for remaining in [0, 1, u64::MAX] {
            for quota in [None, Some((0, 1)), Some((1, u64::MAX)), Some((u64::MAX, 1)), Some((u64::MAX, u64::MAX))] {
                for meaning in [Meaning::Pace, Meaning::Whole] {
                    let report = Report { meaning, ..report(remaining, seconds, quota) };
                    let far = Nanos::new(u64::MAX - 1);
                    for now in [ms(5), far] {
                        let heard = Heard { now, index: u64::MAX, under_way: u64::MAX, ..at(1) };
                        let mut budget = Budget::first(&report, heard);
                        budget.take(now);
                        budget.hear(&report, heard);
                        budget.give_back();
                        let _ = budget.turn(now, u64::MAX);
                        if let Turn::Later { at, .. } = budget.turn(ms(5), 0)
                            && now == ms(5)
                        {
                            assert!(at <= ms(5 + 86_400_000), "{report:?}: {at:?}");
                        }
                    }
                }
            }
        }
    }
}
