//! What this process wrote last, and the token under which the server took it: as long as nobody
//! else changed the key, the next change needs no reading before it.

use parking_lot::Mutex;

use super::Cell;

/// Keys remembered. Another key at the same place takes it over: a hint that is lost costs one
/// reading.
const PLACES: usize = 1 << 10;

/// A cell as it was written.
#[derive(Clone, Debug)]
struct Hint {
    digest: u128,
    token: u64,
    cell: Cell,
}

/// See the [module](self).
#[derive(Debug)]
pub(in crate::store::memcached) struct Hints {
    places: Box<[Mutex<Option<Hint>>]>,
}

impl Hints {
    pub(in crate::store::memcached) fn new() -> Self {
        Hints { places: (0..PLACES).map(|_| Mutex::new(None)).collect() }
    }

    /// Takes a hint away, so that one that misled is not followed again.
    pub(in crate::store::memcached) fn take(&self, digest: u128) -> Option<(u64, Cell)> {
        let mut place = self.place(digest)?.lock();
        let hint = place.take_if(|hint| hint.digest == digest)?;
        Some((hint.token, hint.cell))
    }

    pub(in crate::store::memcached) fn put(&self, digest: u128, token: u64, cell: Cell) {
        if let Some(place) = self.place(digest) {
            *place.lock() = Some(Hint { digest, token, cell });
        }
    }

    fn place(&self, digest: u128) -> Option<&Mutex<Option<Hint>>> {
        self.places.get(digest as usize % PLACES)
    }
}
