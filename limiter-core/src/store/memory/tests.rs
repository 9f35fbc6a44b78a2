//! The common ways give the same answers as the general one.

use proptest::prelude::*;
use smallvec::SmallVec;

use super::MemoryStore;
use crate::algorithm::{Algorithm, Params, State, Verdict};
use crate::rule::AtCeiling;
use crate::store::{Decide, Decided, Item, ItemReply, Mode, Place, Subject};
use crate::time::{Nanos, Now};

fn params() -> impl Strategy<Value = Params> {
    const RATES: &[Algorithm] =
        &[Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Sliding, Algorithm::Log];
    prop_oneof![
        (prop::sample::select(RATES), 1u32..5)
            .prop_map(|(algorithm, count)| { Params::new(algorithm, format!("{count}/s").parse().unwrap()).unwrap() }),
        (1u64..4).prop_map(Params::concurrent),
        (1u64..4).prop_map(|limit| Params::concurrent(limit).leased(Nanos::new(1_000_000_000))),
    ]
}

fn item(rules: &[Params]) -> impl Strategy<Value = Item> + use<> {
    let rules = rules.to_vec();
    let mode = prop::sample::select(&[Mode::Charge, Mode::Charge, Mode::Peek, Mode::Penalty, Mode::Shadow][..]);
    let ceiling = prop::sample::select(&[AtCeiling::Evict, AtCeiling::Overflow, AtCeiling::Refuse][..]);
    (0..rules.len(), 0u64..12, 0u64..4, mode, ceiling).prop_map(move |(rule, key, cost, mode, at_ceiling)| Item {
        budget: rule as u64,
        // Neighbours in the table, and some that share a home.
        subject: Subject::Local(1 + key * 0x4000_0000 + rule as u64),
        params: rules[rule],
        cost,
        mode,
        at_ceiling,
        settles: false,
    })
}

fn requests() -> impl Strategy<Value = Vec<(u64, Vec<Item>)>> {
    prop::collection::vec(params(), 3).prop_flat_map(|rules| {
        let items = prop::collection::vec(item(&rules), 1..4);
        prop::collection::vec((prop::sample::select(&[0u64, 1, 90, 500, 1100][..]), items), 1..60)
    })
}

/// What was said of each item. A stale cell is as good as none, and which of them are already swept
/// depends on where keys sit; so does what is known of when a full table has room again, which is
/// never told too late.
fn told(decided: Decided, now: Now) -> Vec<ItemReply> {
    let fresh = |state: State| if state.is_stale(now.monotonic) { State::default() } else { state };
    let wait = |reply: ItemReply| match (reply.place, reply.verdict) {
        (Place::NoRoom, Verdict::Deny { retry: Some(_) }) => Verdict::Deny { retry: Some(Nanos::ZERO) },
        _ => reply.verdict,
    };
    let said = |reply: ItemReply| ItemReply { state: fresh(reply.state), verdict: wait(reply), ..reply };
    decided.items.into_iter().map(said).collect()
}

proptest! {
    #[test]
    fn one_item_and_two_are_decided_as_any_number_is(requests in requests(), ceiling in 1usize..9) {
        let (common, general) = (MemoryStore::with_ceiling(ceiling), MemoryStore::with_ceiling(ceiling));
        let mut millis = 1_000_000;
        for (at, (pause, items)) in requests.into_iter().enumerate() {
            millis += pause;
            let nanos = Nanos::new(millis * 1_000_000);
            let now = Now { monotonic: nanos, wall: nanos };
            let decide = Decide { now, items: SmallVec::from_vec(items) };
            let found = common.decide(&decide);
            general.maintain(now.monotonic);
            let expected = general.evaluate(&decide, true);
            // Which live key gives way to a new one depends on where keys sit, so states may differ
            // from then on; nothing else may.
            if general.stats().evicted > 0 {
                prop_assert!(common.stats().keys <= common.ceiling());
                continue;
            }
            prop_assert_eq!(found.allowed, expected.allowed, "request {}", at);
            prop_assert_eq!(told(found, now), told(expected, now), "request {}", at);
        }
        prop_assert!(common.stats().keys <= common.ceiling());
    }
}

#[test]
fn what_is_in_shadow_and_not_charged_is_charged_with_nothing_else_either() {
    let now = Now { monotonic: Nanos::new(1_000_000_000_000), wall: Nanos::new(1_000_000_000_000) };
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed, Algorithm::Interval, Algorithm::Sliding, Algorithm::Log] {
        let params = Params::new(algorithm, "5/s".parse().unwrap()).unwrap();
        let item = |cost, mode| Item {
            budget: 1,
            subject: Subject::Local(7),
            params,
            cost,
            mode,
            at_ceiling: AtCeiling::default(),
            settles: false,
        };
        let shadow = Mode::Shadow;
        let store = MemoryStore::new();
        let items =
            [item(2, shadow), item(1, Mode::Charge), item(0, Mode::Charge), item(1, Mode::Charge), item(4, shadow)];
        let decided = store.decide(&Decide { now, items: SmallVec::from_iter(items) });
        assert!(decided.allowed, "{algorithm}");
        let left = decided.items.iter().map(|reply| params.remaining(reply.state, now));
        assert_eq!(left.collect::<Vec<_>>(), [3; 5], "{algorithm}");
        let left = store.decide(&Decide { now, items: SmallVec::from_iter([item(3, Mode::Peek)]) });
        assert_eq!((left.allowed, params.remaining(left.items[0].state, now)), (true, 3), "{algorithm}");
    }
}

#[test]
fn what_is_charged_behind_what_is_left_out_of_its_cell_stays_below_the_ceiling() {
    let now = Now { monotonic: Nanos::new(1_000_000_000_000), wall: Nanos::new(1_000_000_000_000) };
    let params = Params::new(Algorithm::Bucket, "5/s".parse().unwrap()).unwrap();
    let item = |key, cost, mode| Item {
        budget: 1,
        subject: Subject::Local(key),
        params,
        cost,
        mode,
        at_ceiling: AtCeiling::Evict,
        settles: false,
    };
    let store = MemoryStore::with_ceiling(1);
    let full = [item(7, 1, Mode::Charge)];
    assert!(store.decide(&Decide { now, items: SmallVec::from_iter(full) }).allowed);
    // The last of them never fits, so those in shadow are not charged.
    let items = [item(8, 1, Mode::Shadow), item(8, 1, Mode::Charge), item(9, 100, Mode::Shadow)];
    assert!(store.decide(&Decide { now, items: SmallVec::from_iter(items) }).allowed);
    assert_eq!((store.stats().keys, store.stats().evicted), (1, 1));
}

#[test]
fn at_the_end_of_time_everything_is_stale_and_empty_cells_are_no_keys() {
    let at = |nanos| Now { monotonic: Nanos::new(nanos), wall: Nanos::new(nanos) };
    for algorithm in [Algorithm::Bucket, Algorithm::Fixed] {
        let params = Params::new(algorithm, "5/s".parse().unwrap()).unwrap();
        let store = MemoryStore::with_ceiling(64);
        let item = |key: u64| Item {
            budget: 1,
            subject: Subject::Local(key << 26),
            params,
            cost: 1,
            mode: Mode::Charge,
            at_ceiling: AtCeiling::Evict,
            settles: false,
        };
        for key in 1..=40 {
            assert!(store.decide(&Decide { now: at(1), items: SmallVec::from_iter([item(key)]) }).allowed);
        }
        assert_eq!(store.stats().keys, 40);
        let end = at(u64::MAX);
        assert!(store.decide(&Decide { now: end, items: SmallVec::from_iter([item(41)]) }).allowed, "{algorithm}");
        assert_eq!((store.stats().keys, store.stats().pruned), (1, 40), "{algorithm}");
    }
}

#[test]
fn a_key_that_was_dropped_and_has_come_back_is_not_told_of_its_old_refusal() {
    let params = Params::new(Algorithm::Bucket, "1/s".parse().unwrap()).unwrap();
    let store = MemoryStore::with_ceiling(8);
    let ask = |millis: u64, key, cost| {
        let nanos = Nanos::new(1_000_000_000_000 + millis * 1_000_000);
        let item = Item {
            budget: 1,
            subject: Subject::Local(key),
            params,
            cost,
            mode: Mode::Charge,
            at_ceiling: AtCeiling::Evict,
            settles: false,
        };
        let now = Now { monotonic: nanos, wall: nanos };
        store.decide(&Decide { now, items: SmallVec::from_iter([item]) }).items[0]
    };
    ask(0, 7, 1);
    assert!(matches!(ask(0, 7, 1).verdict, Verdict::Deny { .. }));
    ask(2000, 8, 1);
    assert_eq!(store.stats().pruned, 1, "the key is swept away");
    let again = ask(2000, 7, 1);
    assert_eq!(again.verdict, Verdict::Allow);
    let too_much = ask(2000, 7, 5);
    assert_eq!((too_much.verdict, too_much.state), (Verdict::TooBig, again.state));
}
