//! Cells as bytes: a mark of ours, a letter for the kind, and numbers, the most significant byte
//! first.

use super::{Cell, Content};
use crate::algorithm::State;
use crate::algorithm::log::Log;
use crate::store::memcached::protocol::Data;
use crate::time::Nanos;

/// Ours, in the first form there is.
const MARK: [u8; 2] = *b"L1";
const PLAIN: u8 = b'P';
const LOG: u8 = b'L';

impl Cell {
    pub(in crate::store::memcached) fn encode(&self) -> Data {
        let mut out = Data::from_slice(&MARK);
        let mut put = |number: u64| out.extend_from_slice(&number.to_be_bytes());
        match &self.content {
            Content::Plain(state) => {
                put(self.written.get());
                put(state.fresh_at.get());
                put(state.mark);
                put(state.used);
                out.insert(MARK.len(), PLAIN);
            }
            Content::Log(log) => {
                put(self.written.get());
                for (at, units) in log.taken() {
                    put(at.get());
                    put(units);
                }
                out.insert(MARK.len(), LOG);
            }
        }
        out
    }

    /// `None` if these bytes were not written by [`encode`](Self::encode).
    pub(in crate::store::memcached) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, numbers) = bytes.strip_prefix(&MARK)?.split_first()?;
        let (numbers, rest) = numbers.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
        if !rest.is_empty() {
            return None;
        }
        let (written, content) = match (*kind, numbers.as_slice()) {
            (PLAIN, &[written, fresh_at, mark, used]) => {
                (written, Content::Plain(State { fresh_at: Nanos::new(fresh_at), mark, used }))
            }
            (LOG, [written, taken @ ..]) => {
                let (taken, rest) = taken.as_chunks::<2>();
                let ascending = taken.is_sorted_by(|[earlier, _], [later, _]| earlier < later);
                if !rest.is_empty() || !ascending {
                    return None;
                }
                let log = Log::of(taken.iter().map(|[at, units]| (Nanos::new(*at), *units)));
                (*written, Content::Log(log))
            }
            _ => return None,
        };
        Some(Cell { written: Nanos::new(written), content })
    }

    /// Whether it is of the kind that an exact log is kept in.
    pub(in crate::store::memcached) fn is_log(&self) -> bool {
        matches!(self.content, Content::Log(_))
    }
}
