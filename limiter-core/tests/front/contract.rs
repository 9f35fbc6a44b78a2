use std::time::Duration;

use limiter_core::store::contract::{self, StoreUnderTest};
use limiter_core::store::front::{FleetOptions, Front};
use limiter_core::store::{Answer, BoxFuture, Capabilities, Decide, Operation, StoreError};
use limiter_core::time::{Clock, Now, TokioClock};
use limiter_core::{Reply, Store};
use smallvec::SmallVec;
use tokio::runtime::Handle;

use crate::wire::Wire;

/// Time passes on the paused clock of a runtime of its own, by hand alone.
struct Subject {
    /// Until this is dropped, before the runtime, time does not pass while a thread of the suite has yet to go on.
    _held: std::sync::mpsc::Sender<()>,
    runtime: tokio::runtime::Runtime,
    front: Inside,
    wire: Wire,
    clock: TokioClock,
}

fn subject(options: FleetOptions) -> Subject {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    // A clock that is paused moves on when there is nothing to do, unless somebody blocks.
    let (held, until_dropped) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || until_dropped.recv());
    let wire = Wire::new(0);
    let (front, clock) = {
        let _inside = runtime.enter();
        (Front::new(wire.clone(), options), TokioClock::new())
    };
    let front = Inside(front, runtime.handle().clone());
    Subject { _held: held, runtime, front, wire, clock }
}

/// The suite calls from threads of its own, and time is paused within the runtime alone.
#[derive(Debug)]
struct Inside(Front<Wire>, Handle);

impl Store for Inside {
    fn submit(&self, operation: Operation) -> Reply<Result<Answer, StoreError>> {
        let _inside = self.1.enter();
        self.0.submit(operation)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl StoreUnderTest for Subject {
    fn store(&self) -> &dyn Store {
        &self.front
    }

    fn now(&self) -> Now {
        let _inside = self.runtime.enter();
        Now { monotonic: self.clock.monotonic(), wall: self.clock.wall() }
    }

    fn advance(&self, by: Duration) {
        self.runtime.block_on(async { tokio::time::advance(by).await });
    }

    fn resolution(&self) -> Duration {
        Duration::from_millis(5)
    }

    fn wait(&self, answer: BoxFuture<Result<Answer, StoreError>>) -> Result<Answer, StoreError> {
        self.runtime.block_on(answer)
    }

    fn fail(&self, failing: bool) -> bool {
        self.wire.unplug(failing);
        // Whoever asks while the store is left alone makes the front look.
        self.runtime.block_on(async {
            while !failing && self.front.0.is_failing() {
                tokio::time::advance(Duration::from_millis(100)).await;
                let nothing = Decide { now: Now::default(), items: SmallVec::new() };
                let _: Reply<_> = self.front.submit(Operation::Decide(nothing));
                tokio::task::yield_now().await;
            }
        });
        true
    }
}

#[test]
fn a_front_keeps_every_promise_of_the_store_behind_it() {
    contract::assert_keeps(&subject(FleetOptions::new()));
}

#[test]
fn so_it_does_without_what_saves_round_trips() {
    contract::assert_keeps(&subject(FleetOptions::new().without_denial_cache().without_combining()));
}
