//! Whatever is written must be read: the fields of every family through a parser of structured fields.

use std::time::Duration;

use http::header::{HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use limiter_core::testing::ManualClock;
use limiter_core::{Algorithm, Key, Limiter, Policy, Rule};
use proptest::prelude::*;
use sfv::{Dictionary, FieldType, Item, List, Parser};

use super::view::{Numbers, PolicyView, Row, View, Wait};
use super::{DeniedItems, Family, Legacy, Reason, Shelf, Unit, Wire, allowed, write};

/// Parses each structured field and writes it again. The numbers of the families that are none are integers too.
fn assert_canonical(family: Family, headers: &HeaderMap) -> Result<(), TestCaseError> {
    for (name, line) in headers {
        let again = match (name.as_str(), family) {
            ("ratelimit", Family::Draft07) => reserialised::<Dictionary>(line)?,
            ("ratelimit" | "ratelimit-policy", _) => reserialised::<List>(line)?,
            _ => reserialised::<Item>(line)?,
        };
        prop_assert_eq!(again.as_deref(), line.to_str().ok(), "{}", name);
    }
    Ok(())
}

fn reserialised<T: FieldType>(line: &HeaderValue) -> Result<Option<String>, TestCaseError> {
    let parsed: Result<T, _> = Parser::new(line.as_bytes()).parse();
    Ok(parsed.map_err(|error| TestCaseError::fail(format!("{line:?}: {error}")))?.serialize().into())
}

const FAMILIES: [Family; 4] = [Family::Draft11, Family::Draft07, Family::Draft06, Family::Off];
const LEGACY: [Legacy; 3] = [Legacy::Epoch, Legacy::Delta, Legacy::Off];

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0u64..100_000).prop_map(Duration::from_millis),
        any::<u64>().prop_map(Duration::from_secs),
        any::<u64>().prop_map(Duration::from_nanos),
    ]
}

fn waits() -> impl Strategy<Value = Wait> {
    prop_oneof![Just(Wait::Never), Just(Wait::Unknown), durations().prop_map(Wait::After)]
}

/// Anything at all, names that the rules would refuse included.
type Plain =
    (String, u64, Option<Duration>, Option<Vec<u8>>, Option<(u64, Option<Duration>, Option<Duration>)>, Option<Wait>);

fn plain() -> impl Strategy<Value = Plain> {
    (
        any::<String>(),
        any::<u64>(),
        proptest::option::of(durations()),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        proptest::option::of((any::<u64>(), proptest::option::of(durations()), proptest::option::of(durations()))),
        proptest::option::of(waits()),
    )
}

fn row((name, quota, window, partition, numbers, wait): &Plain) -> Row<'_> {
    let unit = quota.is_multiple_of(2).then_some("content-bytes");
    let partition = partition.as_deref().map(Into::into);
    Row {
        policy: PolicyView { name, quota: *quota, window: *window, unit, partition, written: None },
        numbers: numbers.map(|(remaining, pace, reset)| Numbers { remaining, pace, reset }),
        wait: *wait,
    }
}

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Log, Algorithm::Sliding];

proptest! {
    #[test]
    fn any_numbers_make_fields_that_parse(
        rows in proptest::collection::vec(plain(), 0..5),
        refused: bool,
        all: bool,
        family in 0..FAMILIES.len(),
        legacy in 0..LEGACY.len(),
    ) {
        let shown = if all { DeniedItems::All } else { DeniedItems::Violated };
        let wire = Wire::new().denied_items(shown).family(FAMILIES[family]).legacy(LEGACY[legacy]);
        let view = View {
            rows: rows.iter().map(row).collect(),
            refused: refused.then_some(Reason::QuotaExceeded),
        };
        let mut headers = HeaderMap::new();
        write(&wire, &view, Duration::MAX, StatusCode::OK, false, &mut headers);
        assert_canonical(wire.family, &headers)?;
        if wire.family == Family::Draft11 {
            prop_assert_eq!(headers.contains_key("ratelimit-policy"), !rows.is_empty());
        }
    }

    #[test]
    fn any_policy_makes_fields_that_parse(
        rules in proptest::collection::vec(
            ("[A-Za-z0-9._~:/-]{1,64}", 1u64..1_000_000, 1u64..100_000_000, 0usize..5), 1..5),
        unit in "[a-z]{1,8}-[a-z]{1,8}",
        cost in 0u64..2_000_000,
        later in 0u64..100_000_000,
        family in 0..FAMILIES.len(),
        legacy in 0..LEGACY.len(),
    ) {
        let mut policy = Vec::new();
        for (at, (name, count, millis, algorithm)) in rules.iter().enumerate() {
            // A log holds one entry a unit, and no more than 10,000.
            let count = if ALGORITHMS[*algorithm] == Algorithm::Log { count % 10_000 + 1 } else { *count };
            let Ok(quota) = limiter_core::Quota::new(count, Duration::from_millis(*millis)) else { return Ok(()) };
            // Numbered in front, so that no two are the same.
            let name: String = format!("{at}{name}").chars().take(64).collect();
            policy.push(Rule::new(quota).named(name).algorithm(ALGORITHMS[*algorithm]));
        }
        let wire = Wire::new().unit(policy[0].name().unwrap().to_owned(), Unit::new(&unit).unwrap()).partition_keys();
        let wire = wire.family(FAMILIES[family]).legacy(LEGACY[legacy]);
        let policy = Policy::new("api", policy).unwrap();
        let clock = ManualClock::new();
        let limiter = Limiter::builder().clock(clock.clone()).build();
        let shelf = Shelf::new(&policy, None);
        for _ in 0..3 {
            let decision = limiter.check_cost(&policy, &Key::from("acme"), cost);
            let mut response = Response::new(());
            allowed(&wire, &mut response, &decision, None, &limiter);
            assert_canonical(wire.family, response.headers())?;
            if wire.family == Family::Draft11 {
                prop_assert!(response.headers().contains_key("ratelimit"));
            }
            let mut copied = Response::new(());
            allowed(&wire, &mut copied, &decision, Some(&shelf), &limiter);
            prop_assert_eq!(copied.headers(), response.headers(), "what is copied is what would be written");
            clock.advance(Duration::from_millis(later));
        }
    }
}
