//! The part of a quota that one of several processes may hand out when they cannot ask each other.

use super::{Algorithm, Params};

impl Params {
    /// The share of one among `nodes`: the rate and the capacity divided by their number, rounded down.
    /// The capacity is at least `least`, which is meant to be the cost at hand, and at least 1: what
    /// passes with the whole quota passes sooner or later with a share of it.
    ///
    /// All shares together admit at most `max(capacity, nodes x least)` at once and the rate over time.
    #[must_use]
    pub fn share(&self, nodes: u32, least: u64) -> Self {
        let nodes = u64::from(nodes.max(1));
        if nodes == 1 || self.capacity == 0 {
            return *self;
        }
        let capacity = (self.capacity / nodes).max(least.min(self.capacity)).max(1);
        let mut share = Params { capacity, ..*self };
        match self.algorithm {
            Algorithm::Bucket => share.interval = self.interval.saturating_mul(nodes),
            Algorithm::Concurrent => {}
            Algorithm::Interval => {
                share.count = (self.count / nodes).max(1);
                share.period = stretched(self.period, nodes.saturating_mul(share.count), self.count);
            }
            Algorithm::Fixed | Algorithm::Log | Algorithm::Sliding => {
                share.count = capacity;
                share.period = stretched(self.period, nodes.saturating_mul(capacity), self.capacity);
            }
        }
        share
    }
}

/// The period in which all nodes together bring back as much as one did in `period`, never shorter.
fn stretched(period: u64, together: u64, alone: u64) -> u64 {
    if together <= alone {
        return period;
    }
    let stretched = (u128::from(period) * u128::from(together)).div_ceil(u128::from(alone.max(1)));
    u64::try_from(stretched).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(algorithm: Algorithm, quota: &str, nodes: u32, least: u64) -> Params {
        Params::new(algorithm, quota.parse().unwrap()).unwrap().share(nodes, least)
    }

    #[test]
    fn shares_add_up_to_no_more_than_the_rate() {
        for algorithm in [Algorithm::Bucket, Algorithm::Interval, Algorithm::Fixed, Algorithm::Sliding, Algorithm::Log]
        {
            for quota in ["1/min", "3/min", "10/s", "1000/h", "7/10s"] {
                for nodes in [1, 2, 3, 8, 50] {
                    let whole = Params::new(algorithm, quota.parse().unwrap()).unwrap();
                    let part = whole.share(nodes, 1);
                    let rate = |params: &Params, times: u64| match algorithm {
                        Algorithm::Bucket => times as f64 / params.interval as f64,
                        Algorithm::Interval => (times * params.count) as f64 / params.period as f64,
                        _ => (times * params.capacity) as f64 / params.period as f64,
                    };
                    let (together, alone) = (rate(&part, u64::from(nodes)), rate(&whole, 1));
                    assert!(together <= alone * 1.000_001, "{algorithm} {quota} over {nodes}");
                    assert!(part.capacity * u64::from(nodes) <= whole.capacity.max(u64::from(nodes)));
                }
            }
        }
    }

    #[test]
    fn a_cost_that_passes_with_the_whole_quota_is_not_too_big_for_a_share() {
        assert_eq!(share(Algorithm::Bucket, "10/s burst 20", 8, 5).capacity(), 5);
        assert_eq!(share(Algorithm::Fixed, "20/s", 8, 1).capacity(), 2);
        assert_eq!(share(Algorithm::Bucket, "10/s burst 20", 8, 500).capacity(), 20);
        assert_eq!(share(Algorithm::Bucket, "0/s", 8, 1).capacity(), 0);
        assert_eq!(Params::concurrent(3).share(8, 1).capacity(), 1);
    }

    #[test]
    fn a_share_too_small_for_its_window_gets_a_longer_one() {
        assert_eq!(share(Algorithm::Fixed, "1/min", 4, 1).period(), 240_000_000_000);
        assert_eq!(share(Algorithm::Interval, "1/min burst 8", 4, 1).period(), 240_000_000_000);
    }
}
