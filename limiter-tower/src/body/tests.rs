//! Bodies by hand: when slots are free.

use std::collections::VecDeque;
use std::task::Waker;

use limiter_core::{Key, Limiter, Policy, Reply, Rule};

use super::*;

type Polled = Poll<Option<Result<Frame<Bytes>, &'static str>>>;

/// A body that does what the test says.
struct Script {
    frames: VecDeque<Polled>,
    tells_its_end: bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Polled {
        self.frames.pop_front().unwrap_or(Poll::Ready(None))
    }

    fn is_end_stream(&self) -> bool {
        self.tells_its_end && self.frames.is_empty()
    }
}

struct Slot {
    limiter: Limiter,
    policy: Policy,
}

impl Slot {
    fn new() -> Self {
        Slot { limiter: Limiter::in_memory(), policy: Policy::new("slot", [Rule::concurrent(1)]).unwrap() }
    }

    fn held_by(&self, frames: impl IntoIterator<Item = Polled>, tells_its_end: bool) -> ResponseBody<Script> {
        let Reply::Now(ruling) = self.limiter.decide_key(&self.policy, &Key::everyone(), 1) else {
            panic!("memory answers at once")
        };
        let mut parts = http::Request::new(()).into_parts().0;
        let held = ruling.permit.map(|permit| Slots::of(permit, &mut parts));
        assert!(held.is_some());
        ResponseBody::inner(Script { frames: frames.into_iter().collect(), tells_its_end }, held)
    }

    fn is_free(&self) -> bool {
        self.limiter.peek(&self.policy, &Key::everyone(), 1).is_allowed()
    }
}

fn data(text: &'static str) -> Polled {
    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
}

fn poll(body: &mut ResponseBody<Script>) -> Polled {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_slot_is_held_while_frames_come_and_while_none_is_ready() {
    let slot = Slot::new();
    let mut body = slot.held_by([data("a"), Poll::Pending, data("b")], false);
    for _ in 0..3 {
        let _: Poll<_> = poll(&mut body);
        assert!(!slot.is_free());
    }
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    assert!(slot.is_free());
}

#[test]
fn a_slot_is_free_with_the_frame_after_which_the_body_says_it_is_over() {
    let slot = Slot::new();
    let mut body = slot.held_by([data("a"), data("b")], true);
    assert!(poll(&mut body).is_ready());
    assert!(!slot.is_free());
    assert!(poll(&mut body).is_ready());
    assert!(body.is_end_stream());
    assert!(slot.is_free());
}

#[test]
fn trailers_of_a_body_that_says_nothing_of_its_end_do_not_free_the_slot_yet() {
    let slot = Slot::new();
    let mut body = slot.held_by([Poll::Ready(Some(Ok(Frame::trailers(http::HeaderMap::new()))))], false);
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(frame))) if frame.is_trailers()));
    assert!(!slot.is_free());
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    assert!(slot.is_free());
}

#[test]
fn a_slot_is_free_when_the_body_fails() {
    let slot = Slot::new();
    let mut body = slot.held_by([data("a"), Poll::Ready(Some(Err("torn"))), Poll::Pending], false);
    assert!(poll(&mut body).is_ready());
    assert!(!slot.is_free());
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Err("torn")))));
    assert!(slot.is_free());
}

#[test]
fn a_slot_is_free_when_the_body_is_dropped_or_was_over_from_the_start() {
    let slot = Slot::new();
    let body = slot.held_by([Poll::Pending], false);
    assert!(!slot.is_free());
    drop(body);
    assert!(slot.is_free());
    let body = slot.held_by([], true);
    assert!(slot.is_free());
    drop(body);
    assert!(slot.is_free());
}

#[test]
fn a_refusal_is_one_frame_of_known_length() {
    let mut body = ResponseBody::<Script>::refusal(Bytes::from_static(b"no"));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(2), false));
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_some_and(|d| d == "no")));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    assert!(ResponseBody::<Script>::refusal(Bytes::new()).is_end_stream());
}
