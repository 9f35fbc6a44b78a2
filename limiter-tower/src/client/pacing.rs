//! What is believed to be left of one quota, and when a request may go: values in, values out.
//!
//! A [`Budget`] is a lower bound. Every request that leaves takes a unit from it; time adds units as the server's
//! words promise; every answer corrects it from both sides, because what the server counted lies between
//! "all the requests that were under way are still to be counted" and "all of them are counted already".
//!
//! How time adds units depends on what the server counts with, which no field says:
//!
//! * Until more is known, the announced wait is obeyed to the letter: when it has passed, one request goes ahead, and
//!   its answer tells how many may follow.
//! * A quota that refills continuously shows it: the announced time moves with the units left, in a way that the end
//!   of a window cannot. From then on the pace is `window / limit` for each unit, without waiting for whole seconds.
//! * A time that no bucket would announce, or a refusal, ends that belief for good.

use std::collections::VecDeque;

use limiter_core::time::Nanos;

use super::fields::{Meaning, Report};

const SECOND: Nanos = Nanos::new(1_000_000_000);
/// More answers than requests that are commonly under way at once; those beyond count as spent.
const MOST_RECENT: usize = 64;
/// Longer waits are believed to be mistakes, and tried again after this.
const LONGEST_BELIEVED: Nanos = Nanos::new(86_400 * SECOND.get());

/// Whole seconds as a wait.
pub(super) fn wait_of(seconds: u64) -> Nanos {
    Nanos::new(seconds.saturating_mul(SECOND.get())).min(LONGEST_BELIEVED)
}

/// The instants that one answer ties together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    /// When the request left.
    pub(super) sent: Nanos,
    /// When its answer came.
    pub(super) now: Nanos,
    /// Answers from this origin that had come when the request left.
    pub(super) before: u64,
    /// Which of the answers this is, counted from one.
    pub(super) index: u64,
    /// Requests still under way.
    pub(super) under_way: u64,
    /// Whether the answer was a refusal.
    pub(super) refused: bool,
}

impl Heard {
    /// Answers that came while the request was under way, and its own.
    fn met(&self) -> u64 {
        self.index.saturating_sub(self.before)
    }
}

/// When the request with a given place in the queue may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Now,
    Later {
        /// When it goes if no answer says otherwise.
        at: Nanos,
        /// When an answer may let it go at the earliest.
        soonest: Nanos,
    },
}

impl Turn {
    /// The later of two turns: both must have come.
    pub(super) fn and(self, other: Turn) -> Turn {
        match (self, other) {
            (Turn::Now, turn) | (turn, Turn::Now) => turn,
            (Turn::Later { at, soonest }, Turn::Later { at: other_at, soonest: other_soonest }) => {
                Turn::Later { at: at.max(other_at), soonest: soonest.max(other_soonest) }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing contradicts a bucket yet, nothing proves one.
    Open,
    Refilling,
    NotRefilling,
}

/// What is left of one quota.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    units: u64,
    cap: u64,
    kind: Kind,
    /// When time adds units next, and how many.
    next: Nanos,
    grant: u64,
    /// How long after that one more is added, again and again.
    step: Nanos,
    /// Limit and window as last announced: another quota is another kind.
    quota: (Option<u64>, Option<u64>),
    /// The announced end lies after the first and not after the second, if it has not moved.
    end: (Nanos, Nanos),
    /// When the request left whose answer was believed last.
    told: Nanos,
    /// When the request left whose answer was the first of this quota.
    born: Nanos,
    /// The latest answers, by their index, and what they said was left.
    recent: VecDeque<(u64, u64)>,
    /// What the last answer said was left, and when it came.
    seen: (u64, Nanos),
    /// Whether units were added on trust, so that an answer is awaited which may allow more.
    trusted: bool,
}

impl Budget {
    /// `units` at once, and one more whenever `step` has passed: what is assumed where nothing was said.
    pub(super) fn trickle(now: Nanos, units: u64, wait: Nanos, step: Nanos) -> Self {
        Budget {
            units,
            cap: units.max(1),
            kind: Kind::NotRefilling,
            next: now.saturating_add(wait),
            grant: 1,
            step: step.max(SECOND),
            quota: (None, None),
            end: (Nanos::ZERO, Nanos::MAX),
            told: now,
            born: now,
            recent: VecDeque::new(),
            seen: (u64::MAX, now),
            trusted: units > 0,
        }
    }

    /// The first report about a quota.
    pub(super) fn first(report: &Report, heard: Heard) -> Self {
        let mut budget = Self::trickle(heard.now, 0, SECOND, SECOND);
        budget.kind = Kind::Open;
        budget.quota = (report.limit, report.window);
        budget.told = Nanos::ZERO;
        budget.born = heard.sent;
        budget.end = ends(report, heard).unwrap_or(budget.end);
        budget.hear(report, heard);
        budget
    }

    /// When the request may go that has `ahead` others before it.
    pub(super) fn turn(&mut self, now: Nanos, ahead: u64) -> Turn {
        self.pass(now);
        if self.units > ahead {
            return Turn::Now;
        }
        let missing = (ahead - self.units).saturating_add(1);
        let steps = missing.saturating_sub(self.grant.max(1));
        let at = self.next.saturating_add(Nanos::new(self.step.get().saturating_mul(steps)));
        let soonest = match self.kind {
            Kind::Refilling => at,
            _ if self.trusted => now,
            _ => self.next,
        };
        Turn::Later { at, soonest }
    }

    /// How many may go now.
    pub(super) fn units(&mut self, now: Nanos) -> u64 {
        self.pass(now);
        self.units
    }

    /// When time adds units next.
    pub(super) fn next(&self) -> Nanos {
        self.next
    }

    /// A request leaves.
    pub(super) fn take(&mut self, now: Nanos) {
        self.pass(now);
        if self.units >= self.cap && self.kind == Kind::Refilling {
            self.next = now.saturating_add(self.step);
        }
        self.units = self.units.saturating_sub(1);
    }

    /// A request that was sent on trust brought no answer: the next one may try.
    pub(super) fn try_again(&mut self) {
        if self.trusted {
            self.give_back();
        }
    }

    /// A request turned out not to count.
    pub(super) fn give_back(&mut self) {
        self.units = self.units.saturating_add(1).min(self.cap);
    }

    /// Believes an answer.
    pub(super) fn hear(&mut self, report: &Report, heard: Heard) {
        if self.recent.len() >= MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((heard.index, report.remaining));
        // An answer that was overtaken knows less than what is believed already; a refusal always counts.
        if heard.sent < self.told && !heard.refused {
            return;
        }
        self.told = self.told.max(heard.sent);
        self.pass(heard.now);
        if self.quota != (report.limit, report.window) {
            self.quota = (report.limit, report.window);
            self.kind = Kind::Open;
            self.end = (Nanos::ZERO, Nanos::MAX);
            self.born = heard.sent;
            self.recent.retain(|(index, _)| *index == heard.index);
            self.seen = (u64::MAX, heard.now);
        }
        self.cap = report.limit.unwrap_or(0).max(report.remaining).max(1);
        self.learn(report, heard);
        self.plan(report, heard);
        self.correct(report, heard);
        self.seen = (report.remaining, heard.now);
        self.trusted = false;
    }

    /// Adds what time has brought.
    fn pass(&mut self, now: Nanos) {
        if now < self.next {
            return;
        }
        let steps = now.saturating_sub(self.next).get() / self.step.get().max(1);
        self.units = self.units.saturating_add(self.grant).saturating_add(steps).min(self.cap);
        self.grant = 1;
        self.trusted |= self.kind != Kind::Refilling;
        self.next = self.next.saturating_add(Nanos::new(self.step.get().saturating_mul(steps.saturating_add(1))));
    }

    /// Tells a bucket from a window.
    fn learn(&mut self, report: &Report, heard: Heard) {
        let Some((low, high)) = ends(report, heard) else { return };
        let (known_low, known_high) = self.end;
        let still_running = heard.now < known_low;
        // A window's end stays where it is until it is reached.
        let moved = match report.meaning {
            Meaning::Pace => high <= known_low,
            Meaning::Whole => low >= known_high,
        };
        // Nor does a unit come back before. A log of single requests gives them back one by one too, but none
        // before a window has passed since the first.
        let (left, at) = self.seen;
        let first_window = report.window.is_some_and(|w| heard.now < self.born.saturating_add(wait_of(w)));
        let came_back = heard.sent >= at && report.remaining >= left && first_window;
        let bucket = looks_like_a_bucket(report);
        self.kind = match self.kind {
            _ if heard.refused || !bucket => Kind::NotRefilling,
            Kind::Open if (moved || came_back) && still_running => Kind::Refilling,
            kind => kind,
        };
        let same_end = low < known_high && known_low < high && heard.now < known_high;
        // While a bucket is possible, a pace is about the units left, not about one event.
        let one_event = self.kind == Kind::NotRefilling || report.meaning == Meaning::Whole;
        self.end = match (same_end, one_event) {
            (true, true) => (known_low.max(low), known_high.min(high)),
            (true, false) => (known_low.max(low), high),
            (false, _) => (low, high),
        };
    }

    /// When time will add units.
    fn plan(&mut self, report: &Report, heard: Heard) {
        if let (Kind::Refilling, Some(step)) = (self.kind, interval(report)) {
            // A thousandth slower than announced, so that two clocks that drift apart do not meet the edge.
            let step = Nanos::new(step.saturating_add(step.div_ceil(1000)));
            if self.step != step {
                self.step = step;
                self.next = heard.now.saturating_add(step);
                self.grant = 1;
            }
            return;
        }
        let wait = wait_of(report.seconds.unwrap_or(1)).max(SECOND);
        self.step = wait;
        self.next = heard.now.saturating_add(wait);
        if self.kind == Kind::NotRefilling && report.seconds.is_some() && self.end.1 > heard.now {
            self.next = self.next.min(self.end.1);
        }
        // A spent quota that was left alone for a whole window is whole again, however it is counted.
        let whole = report.remaining == 0 && report.window.is_some_and(|window| wait >= wait_of(window));
        self.grant = if whole { report.limit.unwrap_or(1).max(1) } else { 1 };
    }

    /// Brings the units between the least and the most that the server may have left.
    fn correct(&mut self, report: &Report, heard: Heard) {
        let least = self.least(report, heard);
        let refilled = if self.kind == Kind::Refilling {
            let way = heard.now.saturating_sub(heard.sent);
            (way.get() / self.step.get().max(1)).saturating_add(1)
        } else {
            0
        };
        let most = report.remaining.saturating_add(refilled);
        if self.units < least || self.units > most {
            self.units = self.units.clamp(least, most);
            if self.kind == Kind::Refilling {
                self.next = heard.now.saturating_add(self.step);
            }
        }
    }

    /// What the server has left if everything was counted that may have been.
    ///
    /// Either every request that was under way beside this one was counted after it. Or take the one that was
    /// counted last of those that are answered: its answer says no less than the least of these answers, and
    /// only requests without an answer can have been counted since.
    fn least(&self, report: &Report, heard: Heard) -> u64 {
        let all_after = report.remaining.saturating_sub(heard.met().saturating_sub(1)).saturating_sub(heard.under_way);
        let answers = self.recent.iter().filter(|(index, _)| *index > heard.before);
        let (told, lowest) = answers
            .fold((0_u64, report.remaining), |(told, lowest), (_, left)| (told.saturating_add(1), lowest.min(*left)));
        let silent = heard.met().saturating_sub(told);
        all_after.max(lowest.saturating_sub(silent).saturating_sub(heard.under_way))
    }
}

/// The span in which the announced time ends: it was rounded up to a second, somewhere on the way.
fn ends(report: &Report, heard: Heard) -> Option<(Nanos, Nanos)> {
    let wait = wait_of(report.seconds?);
    let low = heard.sent.saturating_add(wait).saturating_sub(SECOND);
    Some((low, heard.now.saturating_add(wait)))
}

/// Nanoseconds that one unit takes to come back, if the quota is a bucket.
fn interval(report: &Report) -> Option<u64> {
    let (limit, window) = (report.limit?, report.window?);
    (limit > 0).then(|| wait_of(window).get().div_ceil(limit))
}

/// Whether a bucket of this limit and window would announce this time. The units left were rounded down, so
/// the time may be that of nearly one unit more.
fn looks_like_a_bucket(report: &Report) -> bool {
    let (Some(step), Some(seconds), Some(limit)) = (interval(report), report.seconds, report.limit) else {
        return false;
    };
    let of = |units: u64| Nanos::new(step.saturating_mul(units)).as_secs_ceil();
    let (shortest, longest) = match report.meaning {
        Meaning::Pace => (of(report.remaining), of(report.remaining.saturating_add(1))),
        Meaning::Whole => {
            let spent = limit.saturating_sub(report.remaining);
            (of(spent.saturating_sub(1)), of(spent))
        }
    };
    (shortest..=longest).contains(&seconds)
}

#[cfg(test)]
#[path = "pacing_tests.rs"]
mod tests;
