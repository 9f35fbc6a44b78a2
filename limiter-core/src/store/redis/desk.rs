//! Where short questions lie until they are taken to the server, as many as there are in one call: that takes half of
//! the server's time for each of them, and of ours.
//!
//! Nobody waits for others to come. The first few go by themselves; only what comes while those are under way lies here,
//! until the task that takes it has its turn. Every question is decided by itself, and only what becomes of the call
//! becomes of all of them.

use core::mem;
use core::sync::atomic::{AtomicUsize, Ordering};

use ::redis::Value;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::encode::{Argument, Call};
use super::failure::Failure;
use super::script::{SCRIPTS, Script};

/// So many are under way by themselves.
const ALONE: usize = 4;
/// So many are taken at once: the server does nothing else meanwhile.
const AT_ONCE: usize = 16;

/// A question that a short script decides about, one key each.
pub(super) struct Short {
    pub(super) call: Call,
    /// The clock that it tells, if it is to tell one.
    pub(super) clock: Option<Argument>,
}

impl Short {
    /// As it is asked by itself.
    pub(super) fn alone(self) -> Call {
        with_clock(self.call, self.clock)
    }
}

/// The shortest scripts tell the clock where there is one more argument than they need; others have it first.
fn with_clock(mut call: Call, clock: Option<Argument>) -> Call {
    match call.script {
        Script::Plain(_) => call.arguments.insert(0, clock.unwrap_or(Argument::Word(""))),
        _ => call.arguments.extend(clock),
    }
    call
}

/// A question, and who waits for the answer.
pub(super) struct Waiting {
    short: Short,
    tell: oneshot::Sender<Result<Value, Failure>>,
}

#[derive(Default)]
pub(super) struct Desk {
    under_way: AtomicUsize,
    piles: [Mutex<Vec<Waiting>>; SCRIPTS],
}

/// One that is under way, until it is dropped.
pub(super) struct UnderWay<'a>(&'a Desk);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What was put down: whether somebody has to come for it, and where the answer will be.
pub(super) struct Put {
    pub(super) is_first: bool,
    pub(super) told: oneshot::Receiver<Result<Value, Failure>>,
}

impl Desk {
    /// Counts a question; says whether it may go by itself.
    pub(super) fn begin(&self) -> (UnderWay<'_>, bool) {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        (UnderWay(self), before < ALONE)
    }

    fn pile(&self, script: Script) -> &Mutex<Vec<Waiting>> {
        // There are as many as there are scripts.
        self.piles.get(script.index()).unwrap_or(&self.piles[0])
    }

    pub(super) fn put(&self, short: Short) -> Put {
        let (tell, told) = oneshot::channel();
        let mut pile = self.pile(short.call.script).lock();
        pile.push(Waiting { short, tell });
        Put { is_first: pile.len() == 1, told }
    }

    /// Takes all that lies there, in calls that are not too long.
    pub(super) fn take(&self, script: Script) -> impl Iterator<Item = Together> + use<> {
        let mut left = mem::take(&mut *self.pile(script).lock());
        core::iter::from_fn(move || {
            let rest = left.split_off(left.len().min(AT_ONCE));
            let taken = mem::replace(&mut left, rest);
            (!taken.is_empty()).then(|| Together::of(script, taken))
        })
    }
}

/// Several questions in one call.
pub(super) struct Together {
    pub(super) call: Call,
    who: Vec<oneshot::Sender<Result<Value, Failure>>>,
}

impl Together {
    fn of(script: Script, taken: Vec<Waiting>) -> Self {
        let mut call = Call { script, keys: Default::default(), arguments: Default::default() };
        let (mut who, mut clock) = (Vec::with_capacity(taken.len()), None);
        for Waiting { short, tell } in taken {
            call.keys.extend(short.call.keys);
            call.arguments.extend(short.call.arguments);
            clock = clock.or(short.clock);
            who.push(tell);
        }
        Together { call: with_clock(call, clock), who }
    }

    /// Tells each what the server said to it. Whoever has gone away is not told.
    pub(super) fn tell(self, said: Result<Value, Failure>) {
        let one = self.who.len() == 1;
        match said {
            Ok(Value::Array(answers)) if !one && answers.len() == self.who.len() => {
                for (tell, answer) in self.who.into_iter().zip(answers) {
                    let _ = tell.send(Ok(answer));
                }
            }
            said => {
                let said = said.and_then(|answer| if one { Ok(answer) } else { Err(Failure::Unreadable) });
                for tell in self.who {
                    let _ = tell.send(said.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(desk: &Desk, key: &str) -> Put {
        let keys = [key.to_owned()].into_iter().collect();
        let call = Call { script: Script::LeanBucket, keys, arguments: [Argument::Number(1)].into_iter().collect() };
        desk.put(Short { call, clock: None })
    }

    #[test]
    fn the_first_that_lies_there_is_come_for_and_all_are_taken_in_their_order() {
        let desk = Desk::default();
        let put: Vec<Put> = (0..AT_ONCE + 3).map(|n| put(&desk, &n.to_string())).collect();
        assert!(put[0].is_first && put[1..].iter().all(|put| !put.is_first));
        assert_eq!(desk.take(Script::LeanFixed).count(), 0);
        let calls: Vec<Together> = desk.take(Script::LeanBucket).collect();
        let keys: Vec<String> = calls.iter().flat_map(|together| together.call.keys.clone()).collect();
        assert_eq!(keys, (0..AT_ONCE + 3).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(calls.iter().map(|together| together.call.keys.len()).collect::<Vec<_>>(), [AT_ONCE, 3]);
        assert_eq!(desk.take(Script::LeanBucket).count(), 0);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_nobodys() {
        let desk = Desk::default();
        let mut put = ["a", "b"].map(|key| put(&desk, key));
        for together in desk.take(Script::LeanBucket) {
            together.tell(Ok(Value::Array(vec![Value::Int(1)])));
        }
        for put in &mut put {
            assert!(matches!(put.told.try_recv(), Ok(Err(Failure::Unreadable))));
        }
    }
}
