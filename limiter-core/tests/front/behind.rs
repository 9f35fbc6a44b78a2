//! What a front says of the store behind it, and what it says of itself.

use std::sync::Arc;

use limiter_core::Algorithm;
use limiter_core::algorithm::Params;
use limiter_core::store::front::{FleetOptions, Front};
use limiter_core::store::memory::MemoryStore;
use limiter_core::store::{Answer, Capabilities, Operation, Reply, StandIn, Store, StoreError, Subject};

/// A store with something to say.
#[derive(Debug, Default)]
struct Talkative {
    store: MemoryStore,
    stand_in: Option<Arc<StandIn>>,
}

impl Store for Talkative {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        self.store.submit(operation)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(&[Algorithm::Fixed], 3)
    }

    fn shard_of(&self, subject: &Subject, _: &Params) -> usize {
        match subject {
            Subject::Local(number) => *number as usize % 5,
            _ => 0,
        }
    }

    fn stand_in(&self) -> Arc<StandIn> {
        Arc::clone(self.stand_in.as_ref().expect("it has one"))
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        vec![("met", 7), ("lost", 2)]
    }
}

/// A store around another, as the stores for servers are around their fronts.
#[derive(Debug)]
struct Around(Front<Talkative>);

impl Store for Around {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        self.0.submit(operation)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn behind(&self) -> Option<&dyn Store> {
        Some(&self.0)
    }
}

#[test]
fn what_the_store_behind_has_counted_is_handed_on() {
    let front = Front::new(Talkative::default(), FleetOptions::new());
    assert_eq!(front.totals(), [("met", 7), ("lost", 2)]);
    assert_eq!(front.totals(), front.behind().unwrap().totals());
    assert_eq!(Around(front).totals(), [("met", 7), ("lost", 2)]);
    // One that is around nothing, and says nothing, has counted nothing.
    assert_eq!(crate::wire::Wire::new(1).totals(), []);
}

#[test]
fn so_is_what_it_can_do_and_where_its_keys_are() {
    let around = Around(Front::new(Talkative::default(), FleetOptions::new()));
    let params = Params::new(Algorithm::Fixed, "5/h".parse().unwrap()).unwrap();
    assert_eq!(around.capabilities(), Capabilities::new(&[Algorithm::Fixed], 3));
    assert_eq!(around.shard_of(&Subject::Local(8), &params), 3);
}

#[test]
fn the_stand_in_is_its_own_and_the_same_for_all_who_ask() {
    let theirs = Arc::new(StandIn::one_of(2));
    let store = Talkative { stand_in: Some(Arc::clone(&theirs)), ..Talkative::default() };
    let around = Around(Front::new(store, FleetOptions::new().nodes(4)));
    let stand_in = around.stand_in();
    assert_eq!(stand_in.nodes(), 4);
    assert!(Arc::ptr_eq(&stand_in, &around.0.stand_in()) && !Arc::ptr_eq(&stand_in, &theirs));
    around.0.set_nodes(6);
    assert_eq!((stand_in.nodes(), theirs.nodes()), (6, 2));
}

#[test]
fn who_is_neither_stated_nor_counted_is_one_and_a_count_holds_until_something_is_stated() {
    let front = Front::new(MemoryStore::new(), FleetOptions::new());
    let stand_in = front.stand_in();
    assert_eq!((stand_in.nodes(), stand_in.is_stated()), (1, false));
    stand_in.set_counted(5);
    assert_eq!((stand_in.nodes(), stand_in.is_stated()), (5, false));
    stand_in.set_counted(0);
    assert_eq!(stand_in.nodes(), 1);
    front.set_nodes(3);
    stand_in.set_counted(9);
    assert_eq!((stand_in.nodes(), stand_in.is_stated()), (3, true));
}
