//! The quota as a value: its arithmetic, its limits, and what it refuses to be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use core::time::Duration;

use limiter_core::quota::{Alignment, MAX_COUNT, MAX_TIME_TO_FULL, Quota, QuotaError};

const SECOND: u64 = 1_000_000_000;

#[test]
fn intervals_that_are_not_whole_nanoseconds_round_up() {
    assert_eq!(Quota::per_second(7).interval_nanos(), 142_857_143);
    assert_eq!(Quota::per_second(10).interval_nanos(), 100_000_000);
    assert_eq!(Quota::per_second(3_000_000_000).interval_nanos(), 1);
    assert_eq!(Quota::per_minute(0).interval_nanos(), 60 * SECOND);
}

#[test]
fn a_quota_that_fills_up_later_than_in_100_years_is_refused_with_its_numbers() {
    let weekly: Quota = "1/week".parse().unwrap();
    // 100 years are 5217.857 weeks.
    assert!(weekly.with_burst(5_217).is_ok());
    let error = weekly.with_burst(5_218).unwrap_err();
    assert!(matches!(error, QuotaError::TimeToFull { quota } if quota.burst() == 5_218));
    assert_eq!(error.to_string(), "`1/w burst 5218` takes over 100 years to fill up, the limit is 100 years");
    assert!(matches!(weekly.with_burst(MAX_COUNT), Err(QuotaError::TimeToFull { .. })));
}

#[test]
fn the_largest_values_are_held_and_the_next_ones_refused() {
    assert_eq!(Quota::new(1, MAX_TIME_TO_FULL).unwrap().period(), MAX_TIME_TO_FULL);
    let longer = MAX_TIME_TO_FULL + Duration::from_nanos(1);
    assert_eq!(Quota::new(1, longer), Err(QuotaError::PeriodTooLong { period: longer }));
    assert!(matches!(Quota::new(0, Duration::MAX), Err(QuotaError::PeriodTooLong { .. })));
    assert!(matches!(Quota::from_nanos(1, u64::MAX), Err(QuotaError::PeriodTooLong { .. })));
    assert_eq!(Quota::new(1, Duration::ZERO), Err(QuotaError::ZeroPeriod));
    assert_eq!(Quota::from_nanos(MAX_COUNT, 1).unwrap().interval_nanos(), 1);
    assert_eq!(Quota::from_nanos(u64::MAX, 1), Err(QuotaError::CountTooLarge { count: u64::MAX }));
    assert_eq!(Quota::per_second(1).with_burst(u64::MAX), Err(QuotaError::BurstTooLarge { burst: u64::MAX }));
    assert_eq!(Quota::per_second(1).with_burst(0), Err(QuotaError::ZeroBurst));
    for quota in [Quota::per_second, Quota::per_minute, Quota::per_hour, Quota::per_day] {
        assert_eq!(quota(u64::MAX).count(), MAX_COUNT);
        assert!(!quota(u64::MAX).is_unlimited());
        assert!(quota(0).denies_all());
    }
}

#[test]
fn unlimited_and_denying_quotas_take_no_burst() {
    for quota in [Quota::UNLIMITED, Quota::per_second(0)] {
        assert_eq!(quota.with_burst(1), Err(QuotaError::BurstWithoutRate { quota }));
    }
    let aligned = Quota::UNLIMITED.with_alignment(Alignment::Epoch { offset_secs: 0 });
    assert_eq!(aligned, Quota::UNLIMITED);
}

#[test]
fn an_offset_is_kept_below_one_period_and_only_for_whole_days() {
    let offset = |quota: Quota, offset_secs| quota.with_alignment(Alignment::Epoch { offset_secs }).alignment();
    let epoch = |offset_secs| Alignment::Epoch { offset_secs };
    assert_eq!(offset(Quota::per_day(1), 86_400 + 7_200), epoch(7_200));
    assert_eq!(offset(Quota::per_day(1), -90_061), epoch(-3_661));
    assert_eq!(offset(Quota::per_hour(1), 1_800), epoch(0));
    let seconds = Quota::per_day(1).with_alignment(epoch(-3_661));
    assert_eq!(seconds.to_string(), "1/d aligned utc-1:01:01");
}

#[test]
fn constants_can_be_built() {
    const QUOTA: Quota = match Quota::per_second(10).with_burst(20) {
        Ok(quota) => quota.with_alignment(Alignment::Epoch { offset_secs: 0 }),
        Err(_) => panic!("a constant quota is valid"),
    };
    const NUMBERS: (u64, u64, u64) = (QUOTA.count(), QUOTA.burst(), QUOTA.interval_nanos());
    assert_eq!(NUMBERS, (10, 20, SECOND / 10));
}
