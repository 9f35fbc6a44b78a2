//! An append-only table by index: what a limiter knows of each policy.
//!
//! Segments double in size, so an entry never moves and a look-up is two loads without a lock.

use std::sync::OnceLock;

pub(super) struct Slots<T> {
    segments: [OnceLock<Box<[OnceLock<T>]>>; SEGMENTS],
}

/// The first segment holds this many.
const FIRST: u32 = 32;
const SEGMENTS: usize = 28;

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Slots { segments: [const { OnceLock::new() }; SEGMENTS] }
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let (segment, at) = locate(index);
        self.segments.get(segment)?.get()?.get(at)?.get()
    }

    /// All entries that were made, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().filter_map(OnceLock::get).flatten().filter_map(OnceLock::get)
    }

    /// The entry, made by `make` if there is none. `None` past the last index, which no process reaches.
    pub(super) fn get_or_init(&self, index: u32, make: impl FnOnce() -> T) -> Option<&T> {
        let (segment, at) = locate(index);
        let length = (FIRST as usize) << segment;
        let cells = self.segments.get(segment)?.get_or_init(|| (0..length).map(|_| OnceLock::new()).collect());
        Some(cells.get(at)?.get_or_init(make))
    }
}

fn locate(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + u64::from(FIRST);
    let segment = shifted.ilog2() - FIRST.ilog2();
    (segment as usize, (shifted - (u64::from(FIRST) << segment)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_place_of_its_own() {
        let slots = Slots::new();
        for index in 0..1000 {
            assert_eq!(slots.get(index), None);
            assert_eq!(slots.get_or_init(index, || index), Some(&index));
        }
        assert!((0..1000).all(|index| slots.get(index) == Some(&index)));
        assert_eq!(slots.get_or_init(5, || 99), Some(&5));
        assert_eq!(locate(31), (0, 31));
        assert_eq!(locate(32), (1, 0));
        assert_eq!(locate(u32::MAX).0, 27);
    }
}
