//! Models of what was recorded, with the rule on which we differ as a switch.

/// A window that opens at the first request, in milliseconds.
#[derive(Default)]
pub(crate) struct FirstHit {
    /// The instant of the reset still belongs to the old window. Ours belongs to the new one.
    pub(crate) reset_is_old: bool,
    /// A changed limit starts counting again. Ours goes on.
    pub(crate) change_resets: bool,
    limit: u64,
    used: u64,
    ends: Option<u64>,
}

impl FirstHit {
    pub(crate) fn recorded() -> Self {
        FirstHit { reset_is_old: true, change_resets: true, ..FirstHit::default() }
    }

    /// Whether a request passes, and then what remains and when the window ends.
    pub(crate) fn request(&mut self, at: u64, limit: u64, period: u64) -> (bool, u64, u64) {
        let over = self.ends.is_none_or(|ends| at > ends || (at == ends && !self.reset_is_old));
        if over || (self.change_resets && limit != self.limit) {
            (self.used, self.ends, self.limit) = (0, Some(at + period), limit);
        }
        let passes = self.used < limit;
        self.used += u64::from(passes);
        (passes, limit.saturating_sub(self.used), self.ends.unwrap())
    }
}

/// Windows between multiples of the period, by wall clock in milliseconds.
#[derive(Default)]
pub(crate) struct Aligned {
    window: u64,
    used: u64,
}

impl Aligned {
    pub(crate) fn request(&mut self, wall: u64, limit: u64, period: u64) -> bool {
        // A wall clock that steps back stays in the window it was in.
        let window = (wall / period).max(self.window);
        if window > self.window {
            (self.window, self.used) = (window, 0);
        }
        let passes = self.used < limit;
        self.used += u64::from(passes);
        passes
    }
}

/// The times of all admissions: one at `t` counts until `t + period`.
#[derive(Default)]
pub(crate) struct Exact(Vec<u64>);

impl Exact {
    pub(crate) fn request(&mut self, at: u64, limit: usize, period: u64) -> bool {
        let passes = self.0.iter().filter(|t| **t + period > at).count() < limit;
        if passes {
            self.0.push(at);
        }
        passes
    }
}
