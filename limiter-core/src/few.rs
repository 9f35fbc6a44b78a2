//! A short list that is most often of length one or two.
//!
//! So many items are kept as themselves, so that a value holding it is made in the place where it will be
//! used: writing those items, not moving room for all.

use core::ops::{Deref, DerefMut};

use smallvec::{Array, SmallVec};

pub(crate) struct Few<A: Array>(Repr<A>);

enum Repr<A: Array> {
    /// Apart from a list without items, since it takes no work to drop.
    Empty,
    One(A::Item),
    Two([A::Item; 2]),
    Many(SmallVec<A>),
}

impl<A: Array> Few<A> {
    #[inline]
    pub(crate) fn new() -> Self {
        Few(Repr::Empty)
    }

    #[inline]
    pub(crate) fn one(item: A::Item) -> Self {
        Few(Repr::One(item))
    }

    #[inline]
    pub(crate) fn two(first: A::Item, second: A::Item) -> Self {
        Few(Repr::Two([first, second]))
    }

    pub(crate) fn push(&mut self, item: A::Item) {
        if let Repr::Many(items) = &mut self.0 {
            items.push(item);
            return;
        }
        self.0 = match core::mem::replace(&mut self.0, Repr::Empty) {
            Repr::Empty => Repr::One(item),
            Repr::One(first) => Repr::Two([first, item]),
            few => {
                let mut items = Few(few).into_items();
                items.push(item);
                Repr::Many(items)
            }
        };
    }

    pub(crate) fn into_items(self) -> SmallVec<A> {
        match self.0 {
            Repr::Empty => SmallVec::new(),
            Repr::One(item) => core::iter::once(item).collect(),
            Repr::Two(items) => items.into_iter().collect(),
            Repr::Many(items) => items,
        }
    }
}

impl<A: Array<Item: Clone>> Clone for Few<A> {
    #[inline]
    fn clone(&self) -> Self {
        Few(match &self.0 {
            Repr::Empty => Repr::Empty,
            Repr::One(item) => Repr::One(item.clone()),
            Repr::Two(items) => Repr::Two(items.clone()),
            Repr::Many(items) => Repr::Many(items.clone()),
        })
    }
}

impl<A: Array> Default for Few<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Array> FromIterator<A::Item> for Few<A> {
    fn from_iter<I: IntoIterator<Item = A::Item>>(items: I) -> Self {
        let mut few = Few::new();
        items.into_iter().for_each(|item| few.push(item));
        few
    }
}

impl<A: Array> Deref for Few<A> {
    type Target = [A::Item];

    #[inline]
    fn deref(&self) -> &[A::Item] {
        match &self.0 {
            Repr::Empty => &[],
            Repr::One(item) => core::slice::from_ref(item),
            Repr::Two(items) => items,
            Repr::Many(items) => items,
        }
    }
}

impl<A: Array> DerefMut for Few<A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [A::Item] {
        match &mut self.0 {
            Repr::Empty => &mut [],
            Repr::One(item) => core::slice::from_mut(item),
            Repr::Two(items) => items,
            Repr::Many(items) => items,
        }
    }
}

impl<A: Array<Item: core::fmt::Debug>> core::fmt::Debug for Few<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<A: Array<Item: PartialEq>> PartialEq for Few<A> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<A: Array<Item: Eq>> Eq for Few<A> {}

impl<A: Array<Item: core::hash::Hash>> core::hash::Hash for Few<A> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stay_in_order_however_they_come() {
        let mut pushed = Few::<[u8; 2]>::new();
        for item in 0..5 {
            assert_eq!(pushed.len(), usize::from(item));
            pushed.push(item);
            assert_eq!(pushed, (0..=item).collect());
        }
        assert_eq!(pushed.into_items().as_slice(), [0, 1, 2, 3, 4]);
        assert_eq!(Few::<[u8; 2]>::one(7).into_items().as_slice(), [7]);
        let mut two = Few::<[u8; 2]>::two(7, 8);
        assert_eq!(two[..], [7, 8]);
        two.push(9);
        assert_eq!(two.into_items().as_slice(), [7, 8, 9]);
        assert!(Few::<[u8; 2]>::default().is_empty());
    }
}
