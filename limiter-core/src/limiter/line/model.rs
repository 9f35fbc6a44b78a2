//! The lines under a model checker: a slot that is given back while some wait and one gives up.
//!
//! Run with `RUSTFLAGS="--cfg limiter_loom"`; see `tests/loom.sh`.

use loom::future::block_on;
use loom::sync::Mutex;
use loom::thread;

use super::*;

const FIFO: Rules = Rules { longest: 10, newest_first_above: usize::MAX };
const LINE: u64 = 7;

/// Slots of a concurrent limit, as a store would count them.
struct Slots {
    free: Mutex<u32>,
    lines: Arc<Lines>,
}

impl Slots {
    fn new(free: u32) -> Arc<Self> {
        Arc::new(Slots { free: Mutex::new(free), lines: Arc::new(Lines::new()) })
    }

    fn take(&self) -> bool {
        let mut free = self.free.lock().unwrap();
        let taken = *free > 0;
        *free -= u32::from(taken);
        taken
    }

    fn give_back(&self) {
        *self.free.lock().unwrap() += 1;
        self.lines.ring(LINE);
    }

    /// Waits until it has a slot; lost calls are deadlocks here.
    fn acquire(&self) {
        let place = self.lines.join(LINE, None, FIFO).unwrap();
        loop {
            block_on(core::future::poll_fn(|cx| place.poll_called(cx)));
            if place.has_turn() && self.take() {
                return;
            }
        }
    }

    /// Stands in line, perhaps hears a call, and gives up.
    fn give_up(&self) {
        let place = self.lines.join(LINE, None, FIFO).unwrap();
        let _ = place.poll_called(&mut Context::from_waker(Waker::noop()));
    }
}

/// Every order with up to three interruptions of a thread by another. Three threads without that bound
/// take minutes.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn a_slot_given_back_reaches_whoever_waits() {
    loom::model(|| {
        let slots = Slots::new(0);
        let waiter = thread::spawn({
            let slots = Arc::clone(&slots);
            move || slots.acquire()
        });
        slots.give_back();
        waiter.join().unwrap();
        assert_eq!((*slots.free.lock().unwrap(), slots.lines.waiting()), (0, 0));
    });
}

#[test]
fn a_slot_given_back_to_one_who_gives_up_reaches_the_next() {
    check(|| {
        let slots = Slots::new(0);
        let quitter = thread::spawn({
            let slots = Arc::clone(&slots);
            move || slots.give_up()
        });
        let waiter = thread::spawn({
            let slots = Arc::clone(&slots);
            move || slots.acquire()
        });
        slots.give_back();
        quitter.join().unwrap();
        waiter.join().unwrap();
        assert_eq!((*slots.free.lock().unwrap(), slots.lines.waiting()), (0, 0));
    });
}

#[test]
fn two_waiters_pass_one_slot_on() {
    check(|| {
        let slots = Slots::new(1);
        let waiters = [(); 2].map(|()| {
            let slots = Arc::clone(&slots);
            thread::spawn(move || {
                slots.acquire();
                slots.give_back();
            })
        });
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!((*slots.free.lock().unwrap(), slots.lines.waiting()), (1, 0));
    });
}
