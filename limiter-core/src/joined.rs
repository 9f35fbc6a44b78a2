//! Several answers as one: all are driven along at the same time, each when something has happened to it.

use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use parking_lot::Mutex;

use crate::store::{BoxFuture, Reply};

/// An answer that is there, or that is waited for.
enum Part<T> {
    Here(T),
    Awaited(BoxFuture<T>, Waker),
}

/// All answers, in the order of the questions.
pub(crate) struct Joined<T> {
    parts: Vec<Part<T>>,
    awaited: usize,
    stirred: Arc<Stirred>,
}

/// The parts to which something has happened, and whom to tell.
#[derive(Default)]
struct Stirred(Mutex<(Vec<usize>, Option<Waker>)>);

struct Bell {
    at: usize,
    stirred: Arc<Stirred>,
}

impl<T: Send + 'static> Joined<T> {
    /// Collects answers: at once, if all of them are.
    pub(crate) fn of(replies: impl Iterator<Item = Reply<T>>) -> Reply<Vec<T>> {
        let stirred = Arc::new(Stirred::default());
        let mut awaited = 0;
        let part = |(at, reply)| match reply {
            Reply::Now(answer) => Part::Here(answer),
            Reply::Later(answer) => {
                awaited += 1;
                stirred.0.lock().0.push(at);
                Part::Awaited(answer, Waker::from(Arc::new(Bell { at, stirred: Arc::clone(&stirred) })))
            }
        };
        let parts: Vec<Part<T>> = replies.enumerate().map(part).collect();
        let mut joined = Joined { parts, awaited, stirred };
        if awaited == 0 { Reply::Now(joined.take()) } else { Reply::Later(Box::pin(joined)) }
    }

    fn take(&mut self) -> Vec<T> {
        let here = |part| match part {
            Part::Here(answer) => Some(answer),
            Part::Awaited(..) => None,
        };
        mem::take(&mut self.parts).into_iter().filter_map(here).collect()
    }
}

/// Nothing in it is pinned in place.
impl<T> Unpin for Joined<T> {}

impl<T: Send + 'static> Future for Joined<T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<T>> {
        let stirred = {
            let mut stirred = self.stirred.0.lock();
            stirred.1 = Some(context.waker().clone());
            // What is stirred meanwhile is for the next time: one part must not keep the rest from its turn.
            mem::take(&mut stirred.0)
        };
        for at in stirred {
            // One that is here already may have been stirred more than once.
            let Some(part) = self.parts.get_mut(at) else { continue };
            let Part::Awaited(answer, waker) = part else { continue };
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut Context::from_waker(waker)) {
                *part = Part::Here(answer);
                self.awaited -= 1;
            }
        }
        if self.awaited == 0 { Poll::Ready(self.take()) } else { Poll::Pending }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let whom = {
            let mut stirred = self.stirred.0.lock();
            stirred.0.push(self.at);
            stirred.1.take()
        };
        // Not under the lock: whoever is woken may come at once.
        if let Some(whom) = whom {
            whom.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn later<T: Send + 'static>(answer: oneshot::Receiver<T>) -> Reply<T> {
        Reply::Later(Box::pin(async move { answer.await.unwrap() }))
    }

    #[test]
    fn what_is_there_is_answered_at_once() {
        let Reply::Now(answers) = Joined::of([1, 2, 3].into_iter().map(Reply::Now)) else { panic!("nobody waits") };
        assert_eq!(answers, [1, 2, 3]);
        assert!(matches!(Joined::of([].into_iter().map(Reply::<u8>::Now)), Reply::Now(none) if none.is_empty()));
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_questions_however_they_arrive() {
        let (first, one) = oneshot::channel();
        let (third, three) = oneshot::channel();
        let Reply::Later(joined) = Joined::of([later(one), Reply::Now(2), later(three)].into_iter()) else {
            panic!("two are awaited")
        };
        let answers = tokio::spawn(joined);
        tokio::task::yield_now().await;
        third.send(3).unwrap();
        tokio::task::yield_now().await;
        assert!(!answers.is_finished());
        first.send(1).unwrap();
        assert_eq!(answers.await.unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn one_that_was_woken_twice_is_answered_once() {
        let twice = |answer: u8| {
            let mut looks = 0;
            let answer = core::future::poll_fn(move |context| {
                context.waker().wake_by_ref();
                context.waker().wake_by_ref();
                looks += 1;
                if looks > 1 { Poll::Ready(answer) } else { Poll::Pending }
            });
            Reply::Later(Box::pin(answer) as BoxFuture<u8>)
        };
        let (last, slow) = oneshot::channel();
        let Reply::Later(joined) = Joined::of([twice(1), twice(2), later(slow)].into_iter()) else {
            panic!("all are awaited")
        };
        let answers = tokio::spawn(joined);
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        last.send(3).unwrap();
        assert_eq!(answers.await.unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn each_is_looked_at_only_when_something_has_happened_to_it() {
        let (looks, many) = (Arc::new(Mutex::new(vec![0; 1_000])), 1_000);
        let (senders, replies): (Vec<_>, Vec<_>) = (0..many)
            .map(|at| {
                let (tell, mut told) = oneshot::channel();
                let looks = Arc::clone(&looks);
                let answer = core::future::poll_fn(move |context| {
                    looks.lock()[at] += 1;
                    Pin::new(&mut told).poll(context).map(Result::unwrap)
                });
                (tell, Reply::Later(Box::pin(answer) as BoxFuture<usize>))
            })
            .unzip();
        let Reply::Later(joined) = Joined::of(replies.into_iter()) else { panic!("all are awaited") };
        let answers = tokio::spawn(joined);
        for (at, tell) in senders.into_iter().enumerate().rev() {
            tokio::task::yield_now().await;
            tell.send(at).unwrap();
        }
        assert_eq!(answers.await.unwrap(), (0..many).collect::<Vec<_>>());
        assert!(looks.lock().iter().all(|looks| *looks <= 2), "{:?}", looks.lock());
    }
}
