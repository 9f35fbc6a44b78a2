//! The order of turns, and how they are passed on.

use super::*;

const FIFO: Rules = Rules { longest: 10, newest_first_above: usize::MAX };

fn called(place: &Place) -> bool {
    place.poll_called(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn the_first_has_the_turn_and_passes_it_on_when_it_leaves() {
    let lines = Arc::new(Lines::new());
    let [first, second, third] = [(); 3].map(|()| lines.join(7, None, FIFO).unwrap());
    assert!(called(&first) && !called(&first), "a call is heard once");
    assert!(!called(&second) && !called(&third));
    lines.ring(7);
    assert!(called(&first) && !called(&second));
    lines.ring(8);
    assert!(!called(&first));
    drop(second);
    assert!(!called(&third), "the turn did not change");
    drop(first);
    assert!(called(&third) && third.has_turn());
    assert_eq!((lines.waiting(), lines.len(7)), (1, 1));
    drop(third);
    assert_eq!((lines.waiting(), lines.len(7)), (0, 0));
    assert!(lines.inner.lock().lines.is_empty());
}

#[test]
fn a_call_that_was_not_heard_goes_on_to_the_next() {
    let lines = Arc::new(Lines::new());
    let (first, second) = (lines.join(7, None, FIFO).unwrap(), lines.join(7, None, FIFO).unwrap());
    assert!(called(&first));
    lines.ring(7);
    drop(first);
    assert!(called(&second));
}

#[test]
fn nobody_joins_a_full_line_and_lines_are_apart() {
    let lines = Arc::new(Lines::new());
    let two = Rules { longest: 2, ..FIFO };
    let _both = [lines.join(1, None, two).unwrap(), lines.join(1, None, two).unwrap()];
    assert_eq!(lines.join(1, None, two).err(), Some(LineFull));
    assert!(lines.join(2, None, two).is_ok());
    assert_eq!(lines.join(3, None, Rules { longest: 0, ..FIFO }).err(), Some(LineFull));
    assert_eq!(lines.inner.lock().lines.len(), 1);
}

#[test]
fn in_a_long_line_the_newest_has_the_turn_until_it_is_short_again() {
    let lines = Arc::new(Lines::new());
    let overload = Rules { longest: 10, newest_first_above: 2 };
    let [first, second, third] = [(); 3].map(|()| lines.join(7, None, overload).unwrap());
    assert!(called(&first) && !first.has_turn() && third.has_turn() && called(&third));
    let fourth = lines.join(7, None, overload).unwrap();
    assert!(called(&fourth) && !third.has_turn());
    drop(fourth);
    assert!(called(&third));
    drop(third);
    assert!(called(&first) && first.has_turn() && !called(&second));
}

#[test]
fn who_moves_to_another_line_keeps_its_seniority() {
    let lines = Arc::new(Lines::new());
    let elder = lines.join(1, None, FIFO).unwrap();
    let younger = lines.join(2, None, FIFO).unwrap();
    assert!(called(&younger));
    let moved = lines.join(2, Some(elder.arrival()), Rules { longest: 1, ..FIFO }).unwrap();
    drop(elder);
    assert!(called(&moved) && !younger.has_turn());
    let last = lines.join(2, None, FIFO).unwrap();
    drop(moved);
    assert!(called(&younger) && !called(&last));
}
