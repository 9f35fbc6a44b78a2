//! Which server a key lives at, by rendezvous hashing: every server bids for every key, and the
//! highest bid wins. When a server is added or taken out, only the keys move that it wins or had.
//!
//! A server that fails keeps its keys: were they to move, each failure would hand out fresh budgets.

use super::line::Line;

/// The servers.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    first: Seat,
    others: Vec<Seat>,
}

#[derive(Clone, Debug)]
struct Seat {
    hash: u64,
    line: Line,
}

impl Ring {
    pub(super) fn new(first: Line, others: Vec<Line>) -> Self {
        let seat = |line: Line| Seat { hash: hash_of(&line.address().to_string()), line };
        Ring { first: seat(first), others: others.into_iter().map(seat).collect() }
    }

    /// The connection to the server where a key lives.
    pub(super) fn line(&self, digest: u128) -> &Line {
        let other = self.number(digest).checked_sub(1).and_then(|number| self.others.get(number));
        &other.unwrap_or(&self.first).line
    }

    /// The number of the server where a key lives.
    pub(super) fn number(&self, digest: u128) -> usize {
        if self.is_one() {
            return 0;
        }
        let first = (0, bid(self.first.hash, digest));
        let (winner, _) = (1..).zip(&self.others).fold(first, |best, (number, seat)| {
            let other = bid(seat.hash, digest);
            if other > best.1 { (number, other) } else { best }
        });
        winner
    }

    /// Whether there is one server alone.
    pub(super) fn is_one(&self) -> bool {
        self.others.is_empty()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        core::iter::once(&self.first.line).chain(self.others.iter().map(|seat| &seat.line))
    }
}

/// FNV-1a: the same in every process and in every release.
fn hash_of(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// What a server bids for a key.
fn bid(server: u64, digest: u128) -> u64 {
    let mut bits = server ^ (digest as u64) ^ ((digest >> 64) as u64).rotate_left(32);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        bits ^= bits >> 33;
        bits = bits.wrapping_mul(factor);
    }
    bits ^ bits >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    fn winner(servers: &[&str], digest: u128) -> String {
        let best = servers.iter().max_by_key(|server| bid(hash_of(server), digest));
        best.map(ToString::to_string).unwrap()
    }

    fn digests() -> impl Iterator<Item = u128> {
        (1..=9000u128).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834))
    }

    #[test]
    fn keys_spread_evenly() {
        let servers = ["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"];
        for server in servers {
            let held = digests().filter(|digest| winner(&servers, *digest) == server).count();
            assert!((2700..=3300).contains(&held), "{server} has {held} of 9000");
        }
    }

    #[test]
    fn only_the_keys_of_a_server_that_left_move() {
        let (all, rest) = (["a:1", "b:1", "c:1"], ["a:1", "c:1"]);
        for digest in digests() {
            let before = winner(&all, digest);
            if before != "b:1" {
                assert_eq!(winner(&rest, digest), before);
            }
        }
    }
}
